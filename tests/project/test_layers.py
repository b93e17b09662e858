"""Who may know whom: the imports themselves are checked against the table of the rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vmfmix"
FILES = sorted(PACKAGE.rglob("*.py"))

# room: the rooms it may import. A folder stands for all of its files.
MAY_KNOW = {
    "": set(),
    "__main__": {"cli"},
    "expansion": set(),
    "distribution": {"expansion"},
    "threads": set(),
    "archives": set(),
    "dense_or_sparse": {"threads"},
    "statistics": {"distribution", "dense_or_sparse"},
    "engines": {"statistics", "distribution", "dense_or_sparse", "threads"},
    "isotropy": {"dense_or_sparse"},
    "merging": {"statistics", "distribution", "dense_or_sparse"},
    "path": {
        *("merging", "isotropy", "statistics", "dense_or_sparse"),
        "plotting",  # when it is asked to
    },
    "selection": {"em", "isotropy", "statistics", "distribution", "dense_or_sparse"},
    "seeding": {"statistics", "distribution", "dense_or_sparse", "threads"},
    "starting": {
        *("path", "selection", "merging", "isotropy", "seeding", "engines", "statistics"),
        "threads",
    },
    "em": {"engines", "seeding", "statistics", "distribution"},
    "callbacks": set(),
    "persistence": {
        "mixture",
        "path",
        "checks",
        "archives",
        "files",
    },  # all but the last two when a model is loaded
    "checkpoints": {
        *("em", "archives", "files", "persistence", "statistics", "dense_or_sparse"),
    },
    "streaming": {"statistics", "distribution", "dense_or_sparse"},
    "fitting": {"em", "starting", "seeding", "callbacks", "statistics"},
    "checks": {"engines", "fitting", "statistics"},
    "mixture": {
        *("em", "fitting", "engines", "merging", "path", "selection", "statistics"),
        *(
            "distribution",
            "callbacks",
            "persistence",
            "dense_or_sparse",
            "starting",
            "streaming",
            "checks",
            "checkpoints",
        ),
    },
    "metrics": set(),
    "datasets": {"distribution"},
    "inspection": {"distribution"},
    "plotting": {"inspection"},
    "files": {"archives"},
    "images": {"archives"},
    "summary": {"metrics", "inspection"},
    "report": {"inspection", "plotting", "metrics", "summary", "files", "images"},
    "cli": {
        *("mixture", "persistence", "metrics", "inspection", "plotting", "files", "summary"),
        *("report", "images", "arguments"),
    },
    "arguments": set(),
    "deep": {
        *("statistics", "merging", "distribution", "engines", "mixture", "metrics", "plotting"),
        *("images", "archives", "files"),
    },
}
MAY_IMPORT_TORCH = {"engines.bfloat16", "engines.torch_device", "engines.collective"}
MAY_IMPORT_DASK = {"engines.dask_blocks"}


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path):
    """Dotted names of everything a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full, from vmfmix"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_know_only_whom_they_may(path):
    name = name_of(path)
    room = name.split(".")[0]
    for imported in imports_of(path):
        top, _, inner = imported.partition(".")
        if top == "torch":
            assert name in MAY_IMPORT_TORCH or room == "deep", f"{name} imports torch"
        if top in ("dask", "distributed"):
            assert name in MAY_IMPORT_DASK, f"{name} imports {top}"
        if top != "vmfmix" or inner == "__version__":
            continue
        assert inner.split(".")[0] in MAY_KNOW[room] | {room}, f"{name} imports {imported}"
        if inner.startswith("engines.kernels"):
            assert name.startswith("engines."), f"{name} imports the kernels"


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"torch", "numba", "sklearn", "numpy"}
    code = f"import sys, vmfmix; dir(vmfmix); print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
