"""Joint training of image embeddings and clusters; needs torch, Lightning and kornia.

pip install 'vmfmix[deep]'
"""
