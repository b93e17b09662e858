"""The layers of the package, read from its imports.

    python -m tests.project.layers

rewrites the table of parts and the lists of files in CONTRIBUTING.md.
`tests/project/test_layers.py` compares the imports with `LAYERS` and the table with the imports.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vmfmix"
PAGE = ROOT / "CONTRIBUTING.md"
START, END = "<!-- modules: start (generated) -->", "<!-- modules: end -->"

# Each part of the package may import itself and the parts named here, and no others. A part is a
# module or subpackage at the top of the package, or a module with a part of its own.
LAYERS = {
    "_version": [],
    "_install": [],
    "_console": [],
    "distribution": [],
    "model": ["distribution"],
    "engines": ["model", "distribution", "_install"],
    "neighbors": ["model", "_install"],
    "metrics": [],
    "inspection": ["engines", "model", "_install"],
    "plotting": ["inspection", "storage", "_install"],
    "_notebook": ["inspection", "plotting"],
    "merging": ["neighbors", "engines", "model", "distribution", "plotting", "_notebook"],
    "storage": ["engines", "_install", "_version"],
    "fitting": ["merging", "neighbors", "engines", "model", "distribution", "storage", "_version"],
    "neighbors.smoother": ["merging", "neighbors", "fitting", "engines", "model", "storage"],
    "report": [
        "merging",
        "neighbors",
        "inspection",
        "model",
        "plotting",
        "_notebook",
        "metrics",
        "storage",
        "_install",
        "_version",
    ],
    "mixture": [
        "neighbors.smoother",
        "neighbors",
        "fitting",
        "merging",
        "engines",
        "model",
        "distribution",
        "storage",
        "_notebook",
        "report",
    ],
    "storage.models": [
        "mixture",
        "neighbors.smoother",
        "neighbors",
        "fitting",
        "merging",
        "model",
        "storage",
    ],
    "": ["mixture", "neighbors.smoother", "storage.models", "_version"],
    "datasets": ["distribution"],
    "cli": [
        "storage.models",
        "mixture",
        "fitting",
        "inspection",
        "metrics",
        "report",
        "storage",
        "deep",
        "_console",
        "_version",
    ],
    "__main__": ["cli"],
    "deep": [
        "storage.models",
        "mixture",
        "inspection",
        "merging",
        "neighbors",
        "fitting",
        "engines",
        "model",
        "metrics",
        "plotting",
        "storage",
        "_console",
        "_install",
    ],
}


def module_name(path: Path) -> str:
    """Return the dotted name of a file within the package; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def modules() -> dict[str, Path]:
    """Return every file of the package by its name."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """Return the part of the package that a module belongs to."""
    return module if module in LAYERS else module.split(".")[0]


def imported_names(path: Path) -> set[str]:
    """Return the dotted names that a file imports, inside functions and for annotations, too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full, from vmfmix"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_modules(path: Path) -> set[str]:
    """Return the modules of the package that a file imports."""
    known, found = modules(), set()
    for name in imported_names(path):
        top, _, inner = name.partition(".")
        if top != "vmfmix":
            continue
        while inner not in known:  # the last part may be a function or class
            inner = inner.rpartition(".")[0]
        found.add(inner)
    return found - {module_name(path)}


def cycles() -> list[list[str]]:
    """Return the groups of modules that import each other in a circle."""
    imports = {name: imported_modules(path) for name, path in modules().items()}
    reachable = {name: set(targets) for name, targets in imports.items()}
    changed = True
    while changed:
        changed = False
        for targets in reachable.values():
            more = set().union(*(reachable[target] for target in targets)) - targets
            changed |= bool(more)
            targets |= more
    in_cycle = {name for name, targets in reachable.items() if name in targets}
    groups = {
        tuple(sorted(other for other in reachable[name] if name in reachable[other]))
        for name in in_cycle
    }
    return [list(group) for group in sorted(groups)]


def summary_of(path: Path) -> str:
    """Return the first line of a file's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0]


def imports_of_parts() -> dict[str, list[str]]:
    """Return the parts that each part really imports, in the order of `LAYERS`."""
    found: dict[str, set[str]] = {part: set() for part in LAYERS}
    for name, path in modules().items():
        found[part_of(name)] |= {part_of(target) for target in imported_modules(path)}
    order = list(LAYERS)
    return {part: sorted(targets - {part}, key=order.index) for part, targets in found.items()}


def table() -> str:
    """Return the table of the parts for CONTRIBUTING.md, and a closed list of the files of each."""
    lines = ["| part | contents | imports |", "|---|---|---|"]
    lists = []
    imports = imports_of_parts()
    for part in LAYERS:
        if part in ("", "_version", "__main__"):
            continue
        files = {
            path.relative_to(PACKAGE).as_posix(): summary_of(path)
            for name, path in modules().items()
            if part_of(name) == part
        }
        first, *others = files
        name = first.removesuffix("__init__.py")
        names = ", ".join(f"`{target}`" for target in imports[part] if target) or "nothing"
        lines.append(f"| {name} | {files[first]} | {names} |")
        if others:
            count = f"{len(others)} file{'s' * (len(others) > 1)}"
            lists += ["", f"<details><summary>{name} ({count})</summary>", ""]
            lists += [f"- `{file.removeprefix(name)}`: {files[file]}" for file in others]
            lists += ["", "</details>"]
    return "\n".join([*lines, *lists])


def page_with_table() -> str:
    """Return CONTRIBUTING.md with the table as the imports are now."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(
        f"{re.escape(START)}.*{re.escape(END)}",
        lambda _: f"{START}\n\n{table()}\n\n{END}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PAGE.write_text(page_with_table(), encoding="utf-8")
