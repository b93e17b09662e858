"""The stages of a fit: validation, start, EM, checkpoints, and warnings about the result."""
