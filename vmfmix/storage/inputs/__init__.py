"""Embeddings, and the texts, labels and identifiers beside them, from files of many formats."""

from vmfmix.storage.inputs.errors import InputError
from vmfmix.storage.inputs.reading import Input, read_input

__all__ = ["Input", "InputError", "read_input"]
