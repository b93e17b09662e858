"""Screenshots of the documentation, taken with Chromium.

``python docs/screenshots.py`` writes ``docs/images/notebook.png``: what a notebook shows for a fit
and for its merge history.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips

IMAGES = Path(__file__).parent / "images"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
WIDTH, HEIGHT = 760, 890
STYLE = """
body { background: white; color: #1c2024; font: 15px/1.45 system-ui, sans-serif; margin: 1rem; }
pre { background: #f5f7f9; border: 1px solid #dde1e6; font: 14px monospace; margin: .7rem 0;
  padding: .5rem .7rem; }
"""


def cell(code, result):
    """Return a cell of a notebook: a line of code, and what is shown below it."""
    return f"<pre>{code}</pre>{result._repr_html_()}"


def main():
    """Fit the bundled sentences, name clusters by their most frequent intent, and take pictures."""
    snips = load_snips()
    model = VMFMixture(smooth=True, random_state=0).fit(snips.data)
    intents = {
        cluster: str(
            snips.target_names[np.bincount(snips.target[model.labels_ == cluster]).argmax()]
        )
        for cluster in range(model.n_components_)
    }
    cells = cell("model", model.rename(intents)) + cell(
        "model.merge_history_", model.merge_history_
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "notebook.html"
        head = f'<!DOCTYPE html><meta charset="utf-8"><style>{STYLE}</style>'
        page.write_text(head + cells, encoding="utf-8")
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = f"--window-size={WIDTH},{HEIGHT}"
        picture = f"--screenshot={IMAGES / 'notebook.png'}"
        subprocess.run([BROWSER, *switches, size, picture, page.as_uri()], check=True)


if __name__ == "__main__":
    main()
