"""Pictures for the documentation, drawn from the results files; nothing is measured here.

``python -m benchmarks.figures [--results FOLDER] [--output FOLDER]`` writes

* ``number_of_clusters.svg``: number of components in each iteration, from several starts;
* ``quality.svg``: adjusted Rand index of whole fits at the true number of clusters;
* ``passes.svg``: time of a pass and of iterations of others, as multiples of the bare product;
* ``fits.svg``: time and mean cosine of whole fits;
* ``components.svg``: time of each pass of a fit, for several numbers of components;
* ``billion.svg``: what an iteration over a billion rows would take;
* ``training_numbers.svg``: number of clusters in each epoch of a training, from several starts;

each if its results are there.
"""

import argparse
import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs" / "images"

# Okabe and Ito's colors, which most eyes tell apart, from dark to light.
METHODS = {
    "vmfmix": "#0072B2",
    "KMeans n_init=10": "#E69F00",
    "GaussianMixture spherical": "#009E73",
    "faiss spherical": "#BBBBBB",
}
PEERS = {
    "pass": ("soft pass of vmfmix", "#0072B2", "o"),
    "KMeans lloyd": ("KMeans, lloyd", "#E69F00", "s"),
    "KMeans elkan": ("KMeans, elkan", "#D55E00", "s"),
    "MiniBatchKMeans": ("MiniBatchKMeans, all rows once", "#CC79A7", "s"),
    "GaussianMixture": ("GaussianMixture, spherical", "#009E73", "^"),
    "faiss spherical": ("faiss, spherical", "#888888", "D"),
}
FITS = {
    "VMFMixture": PEERS["pass"][1:],
    "VMFMixture, merge=None": ("#56B4E9", "o"),
    "KMeans n_init=1": PEERS["KMeans lloyd"][1:],
    "KMeans elkan": PEERS["KMeans elkan"][1:],
    "MiniBatchKMeans": PEERS["MiniBatchKMeans"][1:],
    "GaussianMixture": PEERS["GaussianMixture"][1:],
    "faiss spherical": PEERS["faiss spherical"][1:],
}
AUTO_COLOR = "#000000"
START_COLORS = ("#56B4E9", "#009E73", "#E69F00", "#D55E00")  # from few components to many
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "vmfmix",  # the same file from the same numbers
}


def parts_of(history):
    """Numbers of components on the way to the number kept, of the merges below it, and of EM.

    A fit that finds its number merges down to one component, and goes on from where it cuts that
    path: there the number of components rises, for once.
    """
    rise = next((i for i in range(1, len(history)) if history[i] > history[i - 1]), len(history))
    path, em = history[:rise], history[rise:]
    cut = next((i for i, number in enumerate(path) if em and number < em[0]), len(path))
    return path[:cut], path[cut:], em


def plot_histories(results):
    """A small picture of each set: number of components against iteration from each start."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    histories = results["histories"]
    figure = Figure(figsize=(9, 3 + 2.5 * ((len(histories) - 1) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(histories) // 2), min(2, len(histories)), squeeze=False).flat
    handles = {}
    for axes, (name, of_set) in zip(panels, histories.items()):
        true = of_set["K*"]
        starts = {start: history for start, history in of_set.items() if start != "K*"}
        colors = dict(zip((start for start in starts if start != "auto"), START_COLORS))
        found = sorted({history[-1] for history in starts.values()})
        longest = 0
        for start, history in starts.items():
            color = colors.get(start, AUTO_COLOR)
            path, below, em = parts_of(history)
            kept = path + em
            label = "vmfmix's own start" if start == "auto" else start.replace(" ", " × ")
            width, order = (3.2, 2) if start == "auto" else (1.6, 3)  # seen below one like it
            (handles[label],) = axes.plot(
                range(1, len(kept) + 1), kept, color=color, lw=width, zorder=order
            )
            iterations = range(len(path), len(path) + len(below) + 1)
            axes.plot(iterations, path[-1:] + below, color=color, lw=0.9, ls=":", alpha=0.8)
            longest = max(longest, len(kept), len(path) + len(below))
        label = "true number K*"
        handles[label] = axes.axhline(true, color="#444444", lw=1, ls="--", zorder=1)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(0, longest + 1)
        span = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
        axes.set_title(f"{name}: true {true}, found {span}", loc="left")
        axes.set_ylabel("components")
        axes.set_xlabel("iteration")
    handles["merges below the number kept"] = Line2D([], [], color="#444444", lw=0.9, ls=":")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def plot_quality(results):
    """Bars of the adjusted Rand index by set, with standard deviations over the seeds."""
    from matplotlib.figure import Figure

    sets = {
        name: {row["method"]: row["ARI"] for row in rows}
        for name, rows in results.items()
        if isinstance(rows, list) and name != "mean_over_sets"
    }
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(METHODS)
    for i, (method, color) in enumerate(METHODS.items()):
        cells = [of_set[method].split(" ± ") for of_set in sets.values()]
        axes.bar(
            [place + (i - (len(METHODS) - 1) / 2) * width for place in range(len(sets))],
            [float(mean) for mean, _ in cells],
            width,
            yerr=[float(deviation) for _, deviation in cells],
            color=color,
            label=method,
            edgecolor="white",
            linewidth=0.5,
            error_kw={"elinewidth": 0.9, "capsize": 1.5, "ecolor": "#333333"},
        )
    axes.set_xticks(range(len(sets)), sets, rotation=20)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("adjusted Rand index")
    axes.set_ylim(0, 1)
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=len(METHODS))
    return figure


def plot_passes(results):
    """Times as multiples of the bare product, a line for each shape."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    most = max(row["threads"] for row in results["soft_pass"])
    rows = [row for row in results["soft_pass"] if row["threads"] == most]
    figure = Figure(figsize=(9, 1.6 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    names = []
    for place, row in enumerate(rows):
        products = [row[key] for key in row if key.endswith("product ms")]
        fastest = min(each for each in products if each is not None)
        for name, (label, color, marker) in PEERS.items():
            if (each := row.get(f"{name} ms")) is not None:
                drawn = {"label": label} if place == 0 else {}
                axes.plot(each / fastest, place, marker, color=color, ms=7, mec="white", **drawn)
        kind = "" if row["data"] == "dense" else f" {row['data']}"
        size = f"{row['rows']:,} × {row['features']:,}".replace(",", " ")
        names.append(f"{size}{kind}, K = {row['components']}")
    axes.axvline(1.0, color="#444444", lw=1, ls="--", label="matrix product", zorder=1)
    axes.set_yticks(range(len(rows)), names)
    axes.margins(y=0.1)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel(f"time / time of the float32 matrix product, {most} threads")
    axes.grid(axis="x", color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def plot_fits(results):
    """A small picture of each set: mean cosine against time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    sets = {}
    for row in results["fits"]:
        size = f"{row['rows']:,} × {row['features']:,}".replace(",", " ")
        sets.setdefault(f"{row['data']}, {size}, K = {row['components']}", []).append(row)
    figure = Figure(figsize=(9, 1 + 2.7 * -(-len(sets) // 2)), layout="constrained")
    handles = {}
    panels = figure.subplots(-(-len(sets) // 2), min(2, len(sets)), squeeze=False).flat
    for (title, rows), axes in zip(sets.items(), panels):
        for row in rows:
            if row["seconds"] is None:
                continue
            color, marker = FITS[row["method"]]
            (handles[row["method"]],) = axes.plot(
                *(row["seconds"], row["mean cosine"], marker), color=color, ms=8, mec="white"
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(title, loc="left")
        axes.set_xlabel("seconds")
        axes.set_ylabel("mean cosine")
        axes.grid(color="#DDDDDD", lw=0.6)
        axes.set_axisbelow(True)
    for axes in list(panels):
        axes.set_visible(False)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def plot_components(results):
    """Time of each pass of a fit as a share of the bare product."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    products = {row["components"]: row["product ms"] for row in results["components"]}
    for of_fit, color in zip(results["component_passes"], START_COLORS):
        number = of_fit["components"]
        shares = [each / products[number] for each in of_fit["ms of each pass"]]
        axes.plot(range(1, len(shares) + 1), shares, "o-", color=color, label=f"K = {number}")
    axes.axhline(1.0, color="#444444", lw=1, ls="--", label="matrix product")
    axes.set_yscale("log")
    axes.set_xlabel("pass")
    axes.set_ylabel("time / time of the product")
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


def plot_billion(results):
    """Seconds of an iteration over a billion rows against the number of machines."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    lines = {}
    for row in results["billion"]:
        lines.setdefault(row["a machine has"], []).append(row)
    for (name, rows), color in zip(lines.items(), START_COLORS):
        machines = [row["machines"] for row in rows]
        axes.plot(
            machines,
            [row["compute s"] for row in rows],
            "o-",
            color=color,
            label=f"compute: {name}",
        )
    reading = [row["read s"] for row in rows]
    axes.plot(machines, reading, "k--", lw=1, label="read from a disk of their own")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(machines)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("machines")
    axes.set_ylabel("seconds for an iteration")
    axes.grid(color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


def plot_training_numbers(results):
    """Number of clusters in each epoch of trainings that began with different numbers."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    lines: dict = {}
    for row in results["numbers"]:
        if row["run"].startswith("SiamMM, from"):
            lines.setdefault(row["run"], []).append(row["clusters in each epoch"])
    for (name, numbers), color in zip(lines.items(), START_COLORS):
        for seed, of_seed in enumerate(numbers):
            known = [(epoch, n) for epoch, n in enumerate(of_seed, 1) if n]
            label = f"{name.split(', ')[1]}; ends with {', '.join(str(n[-1]) for n in numbers)}"
            axes.plot(*zip(*known), color=color, lw=1.6, label=None if seed else label)
    axes.axhline(10, color="#444444", lw=1, ls="--", label="number of classes")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(1, results["epochs"])
    axes.set_xlabel("epoch")
    axes.set_ylabel("clusters")
    axes.grid(color="#DDDDDD", lw=0.6)
    figure.legend(loc="outside right center")
    return figure


# Picture: the results file, the table in it that the picture needs, and what draws it.
FIGURES = {
    "number_of_clusters": ("number_of_clusters", "histories", plot_histories),
    "quality": ("quality", "mean_over_sets", plot_quality),
    "passes": ("engines", "soft_pass", plot_passes),
    "fits": ("engines", "fits", plot_fits),
    "components": ("engines", "component_passes", plot_components),
    "billion": ("large_data", "billion", plot_billion),
    "training_numbers": ("deep_siammm", "numbers", plot_training_numbers),
}


def draw(results, output):
    """Write the pictures of the results files in one folder to another; returns their paths."""
    import matplotlib

    output.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (benchmark, table, plot) in FIGURES.items():
        source = results / f"{benchmark}.json"
        found = json.loads(source.read_text(encoding="utf-8")) if source.is_file() else {}
        if table not in found:
            print(f"{source} has no {table}; python -m benchmarks.{benchmark} makes it.")
            continue
        with matplotlib.rc_context(STYLE):
            figure = plot(found)
            paths.append(output / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PICTURES)
    options = parser.parse_args()
    for path in draw(options.results, options.output):
        print(path)


if __name__ == "__main__":
    main()
