"""Engines: the only modules that read the rows of X."""
