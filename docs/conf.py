"""Configuration of Sphinx; `make docs` builds the documentation."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import vmfmix

project = "vmfmix"
author = "the vmfmix developers"
project_copyright = "2026, the vmfmix developers"
version = release = vmfmix.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "benchmark_tables",  # docs/_ext
    "command_reference",  # docs/_ext
    "live_report",  # docs/_ext
    "mathml",  # docs/_ext
]

exclude_patterns = ["_build"]
suppress_warnings = []

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
math_eqref_format = "({number})"
html_math_renderer = "mathml"

templates_path = ["_templates"]
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Each file in examples/gallery is executed and becomes a page. Nothing is downloaded.
sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "doc_module": "vmfmix",
    "backreferences_dir": "generated/backreferences",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),  # show tables, but not the repr of other objects
    "remove_config_comments": True,
    "min_reported_time": 10,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "notebook_extensions": set(),
}

html_theme = "pydata_sphinx_theme"
html_title = "vmfmix"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "navbar_center": [],  # all pages are in the sidebar
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"**": ["navigation.html"]}
html_static_path = ["_static"]
html_css_files = ["docs.css"]


def escape_fitted_names(app, what, name, obj, options, lines):
    """Escape names such as `n_components_` in a shape, which would be read as a link."""
    lines[:] = [
        re.sub(r"(?<=\w)_(?=[,)])", r"\\_", line) if " of shape (" in line else line
        for line in lines
    ]


def setup(app):
    """Register the hook with a priority that runs it before numpydoc."""
    app.connect("autodoc-process-docstring", escape_fitted_names, priority=400)
