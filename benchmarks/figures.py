"""Figures of the documentation, drawn from the results files; nothing is measured here.

``python -m benchmarks.figures [--results FOLDER] [--output FOLDER]`` writes

* ``number_of_clusters.svg``: number of components in each iteration, from several starts;
* ``quality.svg``: adjusted Rand index of whole fits at the true number of clusters, by encoder;
* ``passes.svg``: time of an EM pass and of iterations of other methods, relative to the matrix
  product;
* ``fits.svg``: time and mean cosine of whole fits;
* ``components.svg``: time of each pass of a fit, for several numbers of components;
* ``billion.svg``: estimated time of an iteration over a billion rows;
* ``training_numbers.svg``: number of clusters in each epoch of a training, from several starts.

A figure is skipped if its results file or table is missing.
"""

import argparse
import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
IMAGES = Path(__file__).parents[1] / "docs" / "images"

# Okabe and Ito's palette, which is safe for color-blind readers, from dark to light.
QUALITY_COLORS = {
    "VMFMixture": "#56B4E9",
    "VMFMixture, smoothed": "#0072B2",
    "KMeans n_init=10": "#E69F00",
    "UMAP + KMeans": "#D55E00",
    "spectral clustering": "#009E73",
    "Leiden": "#BBBBBB",
}
PASS_STYLES = {  # label, color and marker
    "pass": ("vmfmix, soft EM pass", "#0072B2", "o"),
    "KMeans lloyd": ("KMeans, lloyd", "#E69F00", "s"),
    "KMeans elkan": ("KMeans, elkan", "#D55E00", "s"),
    "MiniBatchKMeans": ("MiniBatchKMeans, one epoch", "#CC79A7", "s"),
    "GaussianMixture": ("GaussianMixture, spherical", "#009E73", "^"),
    "faiss spherical": ("faiss, spherical", "#888888", "D"),
}
FIT_STYLES = {  # color and marker
    "VMFMixture": PASS_STYLES["pass"][1:],
    "VMFMixture, merge=None": ("#56B4E9", "o"),
    "KMeans n_init=1": PASS_STYLES["KMeans lloyd"][1:],
    "KMeans elkan": PASS_STYLES["KMeans elkan"][1:],
    "MiniBatchKMeans": PASS_STYLES["MiniBatchKMeans"][1:],
    "GaussianMixture": PASS_STYLES["GaussianMixture"][1:],
    "faiss spherical": PASS_STYLES["faiss spherical"][1:],
}
AUTO_COLOR = "#000000"
LINE_COLORS = ("#56B4E9", "#009E73", "#E69F00", "#D55E00")  # from few components to many
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "vmfmix",  # makes the file reproducible
}


def label_decades(axis, subs=(1.0, 2.0, 5.0)):
    """Label a logarithmic axis with plain numbers at these multiples of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def shape_label(row):
    """Return the size of the rows as text: `50 000 × 384`."""
    return f"{row['rows']:,} × {row['features']:,}".replace(",", " ")


def split_history(history):
    """Split a history into merging down to the final K, merging below it, and EM.

    A fit with unknown K merges down to one component and then resumes from the chosen point of that
    path, where the number of components rises once.
    """
    rise = next((i for i in range(1, len(history)) if history[i] > history[i - 1]), len(history))
    path, em = history[:rise], history[rise:]
    cut = next((i for i, number in enumerate(path) if em and number < em[0]), len(path))
    return path[:cut], path[cut:], em


def plot_histories(results):
    """Plot the number of components against the iteration from each start, one panel per set."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    histories = results["histories"]
    figure = Figure(figsize=(9, 3 + 2.5 * ((len(histories) - 1) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(histories) // 2), min(2, len(histories)), squeeze=False).flat
    handles = {}
    for axes, (name, histories_of_set) in zip(panels, histories.items()):
        true = histories_of_set["K*"]
        starts = {start: each for start, each in histories_of_set.items() if start != "K*"}
        colors = dict(zip((start for start in starts if start != "auto"), LINE_COLORS))
        final = sorted({history[-1] for history in starts.values()})
        longest = 0
        for start, history in starts.items():
            color = colors.get(start, AUTO_COLOR)
            path, below, em = split_history(history)
            kept = path + em
            label = (
                "automatic start" if start == "auto" else f"start at {start.replace(' ', ' × ')}"
            )
            width, order = (3.2, 2) if start == "auto" else (1.6, 3)  # visible below another line
            (handles[label],) = axes.plot(
                range(1, len(kept) + 1), kept, color=color, lw=width, zorder=order
            )
            iterations = range(len(path), len(path) + len(below) + 1)
            axes.plot(iterations, path[-1:] + below, color=color, lw=0.9, ls=":", alpha=0.8)
            longest = max(longest, len(kept), len(path) + len(below))
        label = "true number K*"
        handles[label] = axes.axhline(true, color="#444444", lw=1, ls="--", zorder=1)
        axes.set_yscale("log")
        label_decades(axes.yaxis, subs=(1.0,))
        axes.set_xlim(0, longest + 1)
        found = str(final[0]) if len(final) == 1 else f"{final[0]} to {final[-1]}"
        axes.set_title(f"{name}: K* = {true}, K found = {found}", loc="left")
        axes.set_ylabel("number of components")
        axes.set_xlabel("iteration")
    handles["merge path below the K found"] = Line2D([], [], color="#444444", lw=0.9, ls=":")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def plot_quality(results):
    """Plot bars of the mean adjusted Rand index over the sets of each encoder."""
    from matplotlib.figure import Figure

    encoders = {
        encoder: {row["method"]: row["ARI"] for row in rows}
        for encoder, rows in results["by_encoder"].items()
    }
    methods = [name for name in QUALITY_COLORS if all(name in each for each in encoders.values())]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(methods)
    for i, method in enumerate(methods):
        offset = (i - (len(methods) - 1) / 2) * width
        axes.bar(
            [place + offset for place in range(len(encoders))],
            [scores[method] for scores in encoders.values()],
            width,
            color=QUALITY_COLORS[method],
            label=method,
            edgecolor="white",
            linewidth=0.5,
        )
    axes.set_xticks(range(len(encoders)), encoders)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("adjusted Rand index (ARI)")
    axes.set_ylim(0, 1)
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def plot_passes(results):
    """Plot times relative to the matrix product, one line per shape."""
    from matplotlib.figure import Figure

    most = max(row["threads"] for row in results["soft_pass"])
    rows = [row for row in results["soft_pass"] if row["threads"] == most]
    figure = Figure(figsize=(9, 1.6 + 0.55 * len(rows)), layout="constrained")
    axes = figure.subplots()
    names = []
    for place, row in enumerate(rows):
        products = [row[key] for key in row if key.endswith("product ms")]
        fastest = min(each for each in products if each is not None)
        axes.axhline(place, color="#DDDDDD", lw=0.6, zorder=1)
        for i, (name, (label, color, marker)) in enumerate(PASS_STYLES.items()):
            if (each := row.get(f"{name} ms")) is not None:
                # Vertical offsets keep markers with similar times apart.
                offset = 0.36 * (i / (len(PASS_STYLES) - 1) - 0.5)
                once = {"label": label} if place == 0 else {}
                axes.plot(each / fastest, place + offset, marker, color=color, ms=7, **once)
        kind = "" if row["data"] == "dense" else f" {row['data']}"
        names.append(f"{shape_label(row)}{kind}, K = {row['components']}")
    axes.axvline(1.0, color="#444444", lw=1, ls="--", label="matrix product", zorder=1)
    axes.set_yticks(range(len(rows)), names)
    axes.margins(y=0.1)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    label_decades(axes.xaxis)
    axes.set_xlabel(f"time relative to the float32 matrix product, {most} threads")
    axes.grid(axis="x", color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def plot_fits(results):
    """Plot the mean cosine against the time of whole fits, one panel per set."""
    from matplotlib.figure import Figure

    sets = {}
    for row in results["fits"]:
        title = f"{row['data']}, {shape_label(row)}, K = {row['components']}"
        sets.setdefault(title, []).append(row)
    figure = Figure(figsize=(9, 1 + 2.7 * -(-len(sets) // 2)), layout="constrained")
    handles = {}
    panels = figure.subplots(-(-len(sets) // 2), min(2, len(sets)), squeeze=False).flat
    for (title, rows), axes in zip(sets.items(), panels):
        for row in rows:
            if row["seconds"] is None:
                continue
            method = row["method"]
            color, marker = FIT_STYLES[method]
            # The two fits of vmfmix may coincide; the small marker is drawn on top.
            size, order = (6.5, 4) if method.endswith("merge=None") else (8, 3)
            (handles[method],) = axes.plot(
                row["seconds"],
                row["mean cosine"],
                marker,
                color=color,
                ms=size,
                mec="white",
                zorder=order,
            )
        axes.set_xscale("log")
        label_decades(axes.xaxis)
        axes.set_title(title, loc="left")
        axes.set_xlabel("seconds")
        axes.set_ylabel("mean cosine")
        axes.grid(color="#DDDDDD", lw=0.6)
        axes.set_axisbelow(True)
    unused = list(panels)
    for axes in unused:
        axes.set_axis_off()
    if unused:
        unused[0].legend(handles.values(), handles.keys(), loc="center left")
    else:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def plot_components(results):
    """Plot the time of each pass of a fit relative to the matrix product."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    products = {row["components"]: row["product ms"] for row in results["components"]}
    for row, color in zip(results["component_passes"], LINE_COLORS):
        number = row["components"]
        relative = [each / products[number] for each in row["ms of each pass"]]
        axes.plot(range(1, len(relative) + 1), relative, "o-", color=color, label=f"K = {number}")
    axes.axhline(1.0, color="#444444", lw=1, ls="--", label="matrix product")
    axes.set_yscale("log")
    label_decades(axes.yaxis)
    axes.set_xlabel("pass")
    axes.set_ylabel("time relative to the matrix product")
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


def plot_billion(results):
    """Plot the seconds of an iteration over a billion rows against the number of machines."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    lines = {}
    for row in results["billion"]:
        lines.setdefault(row["hardware per machine"], []).append(row)
    for (name, rows), color in zip(lines.items(), LINE_COLORS):
        machines = [row["machines"] for row in rows]
        seconds = [row["compute s"] for row in rows]
        axes.plot(machines, seconds, "o-", color=color, label=f"compute: {name}")
    reading = [row["read s"] for row in rows]
    axes.plot(machines, reading, "k--", lw=1, label="read: one disk per machine")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(machines)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    label_decades(axes.yaxis, subs=(1.0,))
    axes.set_xlabel("number of machines")
    axes.set_ylabel("seconds per iteration")
    axes.grid(color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


def plot_training_numbers(results):
    """Plot the number of clusters in each epoch of trainings with different initial numbers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    runs: dict = {}
    for row in results["numbers"]:
        if row["run"].startswith("SiamMM, initial K"):
            runs.setdefault(row["run"], []).append(row["clusters in each epoch"])
    for (name, numbers_by_seed), color in zip(runs.items(), LINE_COLORS):
        final = ", ".join(str(numbers[-1]) for numbers in numbers_by_seed)
        for seed, numbers in enumerate(numbers_by_seed):
            clustered = [(epoch, n) for epoch, n in enumerate(numbers, 1) if n]
            label = None if seed else f"{name.split(', ')[1]}, final K = {final}"
            axes.plot(*zip(*clustered), color=color, lw=1.6, label=label)
    axes.axhline(10, color="#444444", lw=1, ls="--", label="number of classes")
    axes.set_yscale("log")
    label_decades(axes.yaxis)
    axes.set_xlim(1, results["epochs"])
    axes.set_xlabel("epoch")
    axes.set_ylabel("number of clusters")
    axes.grid(color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


# For each figure: the results file, the table that it needs, and the function that draws it.
FIGURES = {
    "number_of_clusters": ("number_of_clusters", "histories", plot_histories),
    "quality": ("quality", "by_encoder", plot_quality),
    "passes": ("engines", "soft_pass", plot_passes),
    "fits": ("engines", "fits", plot_fits),
    "components": ("engines", "component_passes", plot_components),
    "billion": ("large_data", "billion", plot_billion),
    "training_numbers": ("deep_siammm", "numbers", plot_training_numbers),
}


def draw(results_folder, output):
    """Draw the figures of the results files in a folder and return the paths of the SVG files."""
    import matplotlib

    output.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (benchmark, table, plot) in FIGURES.items():
        source = results_folder / f"{benchmark}.json"
        results = json.loads(source.read_text(encoding="utf-8")) if source.is_file() else {}
        if table not in results:
            print(
                f"Skipping {name}.svg: {source} has no table {table!r}; to create it, run "
                f"python -m benchmarks.{benchmark}."
            )
            continue
        with matplotlib.rc_context(STYLE):
            figure = plot(results)
            paths.append(output / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def main():
    """Draw all figures from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=IMAGES, help="default: %(default)s")
    options = parser.parse_args()
    for path in draw(options.results, options.output):
        print(path)


if __name__ == "__main__":
    main()
