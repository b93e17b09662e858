"""Joint training of image embeddings and clusters; needs torch, Lightning and kornia.

Install these with ``pip install ".[deep]"`` in a clone of the repository.
"""
