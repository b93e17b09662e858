"""Embeddings and clusters learned together: needs torch, Lightning and kornia.

pip install 'vmfmix[deep]'
"""
