"""The command `vmfmix apply`: validation of the edits, and writing of the model alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmfmix.cli.outputs import FIT_OUTPUTS
from vmfmix.cli.printed_json import print_json
from vmfmix.mixture.edit_files import plan_of, read_edits
from vmfmix.storage.writing import atomic_folder

if TYPE_CHECKING:
    import argparse

__all__ = ["find_edits", "write_edited_model"]

_MODEL = "model.npz"


def find_edits(arguments: argparse.Namespace, model: Any) -> dict[str, Any]:
    """Return the contents of the file of edits, which may be a pipe.

    The command calls it before it reads the embeddings.

    Parameters
    ----------
    arguments : argparse.Namespace
    model : VMFMixture

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the edits are not valid or belong to another model, or need rows that are not given.
    """
    edits = read_edits(arguments.edits)
    splits = plan_of(edits, model).splits
    if splits and not arguments.embeddings:
        raise ValueError(
            f"{arguments.edits} splits cluster {min(splits)}, which needs rows; give the file of "
            "embeddings of the fit after the model."
        )
    return edits


def write_edited_model(arguments: argparse.Namespace, edited: Any) -> None:
    """Write the edited model, and print how many clusters it has.

    Other outputs of an earlier run are removed, since they are those of other clusters.

    Parameters
    ----------
    arguments : argparse.Namespace
    edited : VMFMixture
    """
    names = [name for output in FIT_OUTPUTS for name in output.names]
    with atomic_folder(arguments.out, names) as temporary:
        edited.save(temporary / _MODEL)
    if arguments.json:
        print_json({"n_clusters": edited.n_components_, "files": [_MODEL]})
    elif not arguments.quiet:
        print(f"Wrote {_MODEL} with {edited.n_components_} clusters to {arguments.out}")
