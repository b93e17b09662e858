"""Fewer topics in BERTopic: `merge_to` of the mixture compared with `reduce_topics` of BERTopic.

``VMFMIX_DATA=folder python -m benchmarks.topic_reduction [--sets NAME ...] [--seeds 0 1 ...]``

A `VMFMixture` finds the topics of a set with texts, too many of them (``resolution=4``). They are
then reduced to the true number of classes: by BERTopic, which merges topics with similar words or
embeddings, and by `merge_to`, followed by BERTopic's description of the merged topics. Needs the
package bertopic.
"""

import argparse
import importlib.util
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.tables import print_rows, write
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips

RESULTS = Path(__file__).parent / "results" / "topic_reduction.json"


def sets_with_texts(names):
    """Iterate over (name, rows, classes, texts) of the sets whose texts are available."""
    snips = load_snips()
    if not names or "snips7" in names:
        yield "snips7", snips.data, snips.target, list(snips.texts)
    folder = os.environ.get("VMFMIX_DATA")
    for path in sorted(Path(folder).glob("*.npz")) if folder else ():
        with np.load(path, allow_pickle=False) as stored:
            if "texts" in stored and path.stem != "snips7" and (not names or path.stem in names):
                X = stored["X"].astype(np.float32)
                yield path.stem, X, stored["y"], stored["texts"].tolist()


def described(texts, X, labels):
    """Return a BERTopic model of given topics."""
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction

    model = BERTopic(
        embedding_model=None,
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
    )
    model.fit_transform(texts, X, y=labels)
    return model


def measure(X, y, texts, seed):
    """Return seconds and ARI of both ways."""
    n_classes = len(np.unique(y))
    mixture = VMFMixture(resolution=4.0, random_state=seed).fit(X)
    found = {"topics found": mixture.n_components_, "classes": n_classes}
    found["ARI before"] = round(adjusted_rand_score(y, mixture.labels_), 3)
    if mixture.n_components_ <= n_classes:
        return found

    start = time.perf_counter()
    merged = mixture.merge_to(n_classes, X)
    described(texts, X, merged.labels_)
    found["merge_to, s"] = round(time.perf_counter() - start, 2)
    found["merge_to, ARI"] = round(adjusted_rand_score(y, merged.labels_), 3)

    topics = described(texts, X, mixture.labels_)
    start = time.perf_counter()
    topics.reduce_topics(texts, nr_topics=n_classes)
    found["reduce_topics, s"] = round(time.perf_counter() - start, 2)
    found["reduce_topics, ARI"] = round(adjusted_rand_score(y, topics.topics_), 3)
    return found


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of sets with texts; default: all")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    if importlib.util.find_spec("bertopic") is None:
        parser.exit(message="Nothing was measured: install bertopic.\n")
    warnings.simplefilter("ignore")  # of BERTopic
    rows = []
    for name, X, y, texts in sets_with_texts(options.sets):
        for seed in options.seeds:
            rows.append({"set": name, "seed": seed, **measure(X, y, texts, seed)})
            print_rows("topics", rows[-1])
    write(options.output, {**machine.describe("bertopic"), "runs": rows})


if __name__ == "__main__":
    main()
