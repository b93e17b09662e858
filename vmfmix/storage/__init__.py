"""Reading and writing of files: embeddings, texts, images, results and fitted models."""
