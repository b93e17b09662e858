"""Invented runs of the benchmarks."""

from benchmarks.number_of_clusters_methods import VARIANTS
from benchmarks.planted_sets import planted_title, unclustered_title


def make_run(name, k, number, method="VMFMixture", start="auto", part="labeled", **others):
    about = {"part": part, "set": name, "method": method, "seed": 0, "start": start}
    shape = {"rows": 100, "features": 8, "true numbers": [k], "K*": k}
    history = [20, 20, 5, 1, number, number]
    found = {"K": number, "AMI": 0.6, "ARI": 0.5, "ACC": 0.7, "seconds": 1.0, "history": history}
    path = {"levels": [[number, 0.75], [5, 0.25]]}
    if part != "labeled":
        path = {"noise": 0.25}
    elif start == "auto":
        path |= {"regret ARI": 0.1, "regret AMI": 0.0, "K of best ARI": k, "K of best AMI": number}
    return {**about, **shape, **found, **path, **others}


def number_runs():
    """Return runs on three usual sets, two of which have the same rows, and on a hard one."""
    trec = {"true numbers": [6, 48]}
    numbers = {"digits": (10, 20), "trec6": (6, 6), "trec50": (48, 6), "atis16": (16, 1)}
    runs = []
    for name, (k, found) in numbers.items():
        others = trec if name.startswith("trec") else {}
        regret = {"regret ARI": 0.4} if name == "digits" else {}
        runs += [
            make_run(name, k, found, **others, **regret),
            make_run(name, k, found, **others, **regret, seed=1),
            make_run(name, k, found // 2 if found > 6 else found, start="2 K*"),
            make_run(name, k, 3 * k, "Leiden, modularity", part="rivals", ARI=0.25, **others),
            make_run(name, k, 2 * k, "KMeans, silhouette", part="alternatives", noise=0, **others),
        ]
    samples = {"part": "planted", "rows": 2000}
    for n in (2000, 8000):
        title = planted_title("plain", 20, 64, 8, n)
        runs += [make_run(title, 8, number, **samples, seed=number) for number in (8, 9)]
        runs.append(make_run(title, 8, 7, start="4 K*", **samples))
    title = unclustered_title("uniform", 3)
    for method in VARIANTS:
        runs.append(make_run(title, 1, 1, method, part="unclustered"))
        runs.append(make_run(title, 1, 2, method, part="unclustered", start="4 K*"))
    return runs


def make_quality_runs(name, method, aris, seconds=2.0, **others):
    about = {"set": name, "method": method, "rows": 90, "features": 8, "classes": 3}
    scores = {"ACC": 0.5, "NMI": 0.5, "AMI": 0.5, "clusters": 3, "seconds": seconds, "peak MB": 9.0}
    return [
        {**about, "seed": seed, **scores, "ARI": ari, **others} for seed, ari in enumerate(aris)
    ]


def quality_runs():
    """Return runs of three methods on two usual sets and a hard one."""
    return [
        *make_quality_runs("trec6", "UMAP + KMeans", [0.4], 8.0),
        *make_quality_runs("trec6", "KMeans n_init=10", [0.4, 0.6], 2.0),
        *make_quality_runs("trec6", "VMFMixture", [0.65, 0.85], 1.0, clusters=4),
        *make_quality_runs("digits", "VMFMixture", [0.3], 6.0),
        *make_quality_runs("digits", "KMeans n_init=10", [0.2], 2.0),
        *make_quality_runs("digits", "UMAP + KMeans", [0.6], 8.0),
        *make_quality_runs("atis16", "VMFMixture", [0.1], 1.0),
        *make_quality_runs("atis16", "KMeans n_init=10", [0.0], 4.0),
        *make_quality_runs("atis16", "UMAP + KMeans", [0.0], 2.0),
    ]
