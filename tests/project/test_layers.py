"""The imports of the package follow its layers, and CONTRIBUTING.md shows them as they are."""

import subprocess
import sys

import pytest

from tests.project import layers

MAY_IMPORT_TORCH = {
    "engines.bfloat16",
    "engines.collective",
    "engines.torch_device",
    "neighbors.search",
    "storage.tensor_files",
}
MAY_IMPORT_DASK = {"engines.dask_blocks"}
MODULES = layers.modules()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_the_layers_below(name):
    part = layers.part_of(name)
    targets = {layers.part_of(target) for target in layers.imported_modules(MODULES[name])}
    assert targets <= {part, *layers.LAYERS[part]}


def test_no_modules_import_each_other():
    assert layers.cycles() == []


def test_layers_have_no_cycle():
    done: list = []
    left = dict(layers.LAYERS)
    while left:
        free = [part for part, below in left.items() if not set(below) & set(left) - {part}]
        assert free, f"these parts import each other: {sorted(left)}"
        done += free
        for part in free:
            del left[part]


def test_layers_name_only_imports_that_exist():
    real = layers.imports_of_parts()
    unused = {part: sorted(set(layers.LAYERS[part]) - set(real[part])) for part in layers.LAYERS}
    assert {part: names for part, names in unused.items() if names} == {}


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_are_imported_only_where_they_are_used(name):
    for imported in layers.imported_names(MODULES[name]):
        library = imported.split(".")[0]
        if library == "torch":
            assert name in MAY_IMPORT_TORCH or layers.part_of(name) == "deep"
        if library in ("dask", "distributed"):
            assert name in MAY_IMPORT_DASK
        if imported.startswith("vmfmix.engines.kernels"):
            assert name.startswith("engines.")


@pytest.mark.parametrize("statement", ["import vmfmix", "import vmfmix; dir(vmfmix)"])
def test_importing_the_package_loads_nothing_heavy(statement):
    heavy = {"torch", "numba", "sklearn", "numpy"}
    code = f"import sys; {statement}; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_top_of_the_package_has_at_most_15_modules():
    entries = [path for path in layers.PACKAGE.iterdir() if not path.name.startswith("_")]
    names = {path.stem for path in entries if path.suffix == ".py" or path.is_dir()}
    assert len(names) <= 15


def test_the_table_in_contributing_is_that_of_the_imports():
    page = layers.PAGE.read_text(encoding="utf-8")
    assert page == layers.page_with_table(), "run: python -m tests.project.layers"


def test_every_module_says_in_one_line_what_it_does():
    for name, path in MODULES.items():
        summary = layers.summary_of(path)
        assert summary.endswith(".") and len(summary.split()) >= 3, name
