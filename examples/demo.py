"""Cluster 3,500 sentences with the `vmfmix` command, write a report, and compare with KMeans.

`make demo` runs this script.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from vmfmix import VMFMixture
from vmfmix.cli import main as cli
from vmfmix.datasets import load_snips
from vmfmix.metrics import clustering_report

SCORES = ("accuracy", "normalized_mutual_info", "adjusted_mutual_info", "adjusted_rand")


def write_sentences(folder, snips):
    """Write embeddings, sentences and labels to files, as a user would have them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "embeddings.npy", snips.data)
    for name, lines in (("texts", snips.texts), ("labels", snips.target_names[snips.target])):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_commands(folder):
    """Print and run `vmfmix fit` on these files and `vmfmix report` on its result.

    The commands estimate the number of clusters. Returns the exit code of the last command.
    """
    rows = str(folder / "embeddings.npy")
    files = []
    for option in ("texts", "labels"):
        files += [f"--{option}", str(folder / f"{option}.txt")]
    clusters, report = folder / "clusters", folder / "report.html"
    commands = [
        [["fit", rows], files, ["--out", str(clusters)]],
        [["report", str(clusters / "model.npz"), rows], files, ["--out", str(report)]],
    ]
    for lines, output in zip(commands, (clusters, report)):
        if output.exists():
            lines[-1].append("--overwrite")
        command = " \\\n    ".join(shlex.join(line) for line in lines)
        print(f"$ vmfmix {command}\n", flush=True)
        code = cli.main([word for line in lines for word in line])
        print(flush=True)
        if code != 0:
            return code
    return 0


def compare(X, y):
    """Print scores and times of vmfmix and KMeans on the same rows with the same five seeds."""
    methods = {
        "vmfmix": lambda seed: VMFMixture(7, random_state=seed),
        "vmfmix, smoothed": lambda seed: VMFMixture(7, smooth=True, random_state=seed),
        "KMeans, n_init=1": lambda seed: KMeans(7, n_init=1, random_state=seed),
        "KMeans, n_init=10": lambda seed: KMeans(7, n_init=10, random_state=seed),
        "vmfmix, auto": lambda seed: VMFMixture(smooth=True, random_state=seed),
    }
    print("vmfmix and scikit-learn's KMeans on the same rows with 7 clusters; 'auto' averages rows")
    print("with their neighbors, as 'smoothed' does, and estimates the number of clusters. Mean ±")
    print("standard deviation over five seeds. The labels are used only to compute these scores.\n")
    reports = {}
    print(f"{'':17}  {'accuracy':>13}  {'NMI':>13}  {'AMI':>13}  {'ARI':>13}  seconds per fit")
    for title, model in methods.items():
        start = time.perf_counter()
        labels = [model(seed).fit_predict(X) for seed in range(5)]
        seconds = (time.perf_counter() - start) / 5
        reports[title] = [clustering_report(y, found) for found in labels]
        columns = [[report[score] for report in reports[title]] for score in SCORES]
        cells = "  ".join(f"{np.mean(column):.3f} ± {np.std(column):.3f}" for column in columns)
        print(f"{title:17}  {cells}  {seconds:15.2f}", flush=True)
    numbers = ", ".join(str(report["n_clusters"]) for report in reports["vmfmix, auto"])
    print(f"\nNumber of clusters estimated with each seed: {numbers}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="output folder (default: demo)"
    )
    folder = parser.parse_args().out
    snips = load_snips()
    write_sentences(folder, snips)
    code = run_commands(folder)
    if code == 0:
        compare(snips.data, snips.target)
    return code


if __name__ == "__main__":
    sys.exit(main())
