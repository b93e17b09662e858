"""Export of a trained encoder as a program that runs without vmfmix."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vmfmix.deep.paths import validate_program_path
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.run_folder import RunRecord
from vmfmix.storage.writing import atomic_file


class UnitEmbeddings(nn.Module):
    """Map images, or rows as they are given, to embeddings of unit length.

    Parameters
    ----------
    network : nn.Module
        Maps images or prepared rows to embeddings.
    preparation : RowPreparation or None
        Preparation of rows; None for images.
    """

    def __init__(self, network: nn.Module, preparation: RowPreparation | None) -> None:
        super().__init__()
        self.network, self.preparation = network, preparation

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of a batch."""
        if self.preparation is not None:
            batch = self.preparation(batch)
        return functional.normalize(self.network(batch).float(), dim=1)


def write_program(
    path: str | Path, network: nn.Module, preparation: RowPreparation | None, record: RunRecord
) -> None:
    """Write a program of `torch.export` that computes embeddings.

    Parameters
    ----------
    path : str or path-like
    network, preparation
        See `UnitEmbeddings`.
    record : RunRecord
        Of the training; it has the shape of an image or row.

    Raises
    ------
    ValueError
        If the file is not named .pt2, or torch cannot export the network.
    """
    validate_program_path(path)
    module = UnitEmbeddings(network, preparation).eval()
    device: Any = next(network.parameters()).device
    example = torch.zeros((2, *record.shape), device=device)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the internals of torch
            program = torch.export.export(
                module, (example,), dynamic_shapes=({0: torch.export.Dim("n")},)
            )
            content = io.BytesIO()
            torch.export.save(program, content)
    except Exception as error:  # an encoder of any kind makes torch raise errors of many types
        first_line = str(error).strip().split("\n")[0]
        raise ValueError(
            f"torch.export cannot export the encoder ({first_line}); use an encoder whose steps do "
            "not depend on the values or the number of images."
        ) from error
    with atomic_file(path) as file:
        file.write(content.getbuffer())
