"""Cluster 3500 real sentences with the command `vmfmix`, make a page of them, and compare with
KMeans: `make demo`.
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
    """The files that somebody with sentences and embeddings of their own would have."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "embeddings.npy", snips.data)
    for name, lines in (("texts", snips.texts), ("labels", snips.target_names[snips.target])):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_commands(folder):
    """Print and run `vmfmix fit` on these files, and `vmfmix report` on what it finds.

    Nobody tells them how many clusters there are.
    """
    rows, known = str(folder / "embeddings.npy"), []
    for option in ("texts", "labels"):
        known += [f"--{option}", str(folder / f"{option}.txt")]
    found, page = folder / "clusters", folder / "report.html"
    commands = [
        [["fit", rows], known, ["--out", str(found)]],
        [["report", str(found / "model.npz"), rows], known, ["--out", str(page)]],
    ]
    for parts, result in zip(commands, (found, page)):
        if result.exists():
            parts[-1].append("--overwrite")
        line = " \\\n    ".join(shlex.join(part) for part in parts)
        print(f"$ vmfmix {line}\n", flush=True)
        code = cli.main([word for part in parts for word in part])
        print(flush=True)
        if code != 0:
            return code
    return 0


def compare(X, y):
    """Print scores and times of vmfmix and KMeans on the same rows, from the same five seeds."""
    methods = {
        "vmfmix, n_init=1": lambda seed: VMFMixture(7, n_init=1, random_state=seed),
        "KMeans, n_init=1": lambda seed: KMeans(7, n_init=1, random_state=seed),
        "vmfmix, n_init=10": lambda seed: VMFMixture(7, n_init=10, random_state=seed),
        "KMeans, n_init=10": lambda seed: KMeans(7, n_init=10, random_state=seed),
        "vmfmix, auto": lambda seed: VMFMixture(random_state=seed),
    }
    print("The same rows, told that there are 7 clusters, and scikit-learn's KMeans; 'auto' is")
    print("VMFMixture(), which is not told. Mean ± standard deviation of five seeds.")
    print("Labels are used for these scores alone.\n")
    reports = {}
    print(f"{'':17}  {'accuracy':>13}  {'NMI':>13}  {'AMI':>13}  {'ARI':>13}  seconds a fit")
    for title, model in methods.items():
        start = time.perf_counter()
        labels = [model(seed).fit_predict(X) for seed in range(5)]
        seconds = (time.perf_counter() - start) / 5
        reports[title] = [clustering_report(y, each) for each in labels]
        columns = [[report[score] for report in reports[title]] for score in SCORES]
        cells = "  ".join(f"{np.mean(column):.3f} ± {np.std(column):.3f}" for column in columns)
        print(f"{title:17}  {cells}  {seconds:13.2f}", flush=True)
    found = ", ".join(str(report["n_clusters"]) for report in reports["vmfmix, auto"])
    print(f"\nClusters that VMFMixture() found with the five seeds: {found}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="folder to write in (default: demo)"
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
