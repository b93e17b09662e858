"""Files: embeddings, images, results and fitted models."""
