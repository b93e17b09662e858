"""Write the report that the front page shows, on the bundled sentences, beside the pages."""

from pathlib import Path

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.report import write_report

FILE = "live_report.html"


def write(app):
    """Fit the sentences, and write the report of it into the folder of the pages."""
    if app.builder.format != "html":
        return
    path = Path(app.outdir) / FILE
    snips = load_snips()
    model = VMFMixture(smooth=True, random_state=0).fit(snips.data)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(
        path,
        model,
        snips.data,
        texts=snips.texts,
        labels=snips.target_names[snips.target],
        title="3,500 requests to a voice assistant",
    )


def setup(app):
    """Write the report before the pages."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
