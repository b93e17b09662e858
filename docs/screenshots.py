"""Screenshots of the documentation, taken with Chromium.

``python docs/screenshots.py`` writes two pictures of the bundled sentences: what a notebook shows
for a fit and for its merge history, ``docs/images/notebook.png``, and the first half of a report,
``docs/images/report.png``.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.report import write_report

IMAGES = Path(__file__).parent / "images"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
NOTEBOOK_SIZE = 760, 890
REPORT_SIZE = 1280, 1340
STYLE = """
body { background: white; color: #1c2024; font: 15px/1.45 system-ui, sans-serif; margin: 1rem; }
pre { background: #f5f7f9; border: 1px solid #dde1e6; font: 14px monospace; margin: .7rem 0;
  padding: .5rem .7rem; }
"""


def cell(code, result):
    """Return a cell of a notebook: a line of code, and what is shown below it."""
    return f"<pre>{code}</pre>{result._repr_html_()}"


def take(page, size, name):
    """Take a picture of the beginning of a page."""
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    window = f"--window-size={size[0]},{size[1]}"
    picture = f"--screenshot={IMAGES / name}"
    subprocess.run([BROWSER, *switches, window, picture, page.as_uri()], check=True)


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
        take(page, NOTEBOOK_SIZE, "notebook.png")
        report = Path(folder) / "report.html"
        write_report(
            report, model, snips.data, texts=snips.texts, title="Sentences to a voice assistant"
        )
        take(report, REPORT_SIZE, "report.png")


if __name__ == "__main__":
    main()
