"""Names of clusters: how many words of the classes they contain, and how long they take.

``python -m benchmarks.cluster_names [--texts N] [--clusters K] [--output FILE]``

The clusters are the classes of texts, whose names are known: of the bundled sentences, and of the
sets with texts in the folder that the environment variable VMFMIX_DATA names.
"""

import argparse
import os
import re
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from benchmarks import machine
from benchmarks.tables import print_rows, write
from vmfmix.datasets import load_snips
from vmfmix.inspection import name_clusters
from vmfmix.inspection.phrases import are_similar
from vmfmix.inspection.stop_words import stop_words_of

RESULTS = Path(__file__).parent / "results" / "cluster_names.json"
N_TERMS = 3
TEXTS, CLUSTERS, WORDS_PER_TEXT, VOCABULARY = 200_000, 500, 12, 200_000


def c_tf_idf(texts, labels, ngram_range):
    """Return names by class-based TF-IDF: tf log(1 + A / f), of M. Grootendorst (2022).

    BERTopic: neural topic modeling with a class-based TF-IDF procedure. arXiv:2203.05794.
    """
    counter = CountVectorizer(ngram_range=ngram_range, stop_words="english")
    counts = counter.fit_transform(texts)
    members = sp.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    frequencies = np.asarray((members @ counts).todense())
    shares = frequencies / frequencies.sum(axis=1, keepdims=True)
    scores = shares * np.log(1 + frequencies.sum(axis=1).mean() / frequencies.sum(axis=0))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :N_TERMS]
    return [", ".join(names) for names in counter.get_feature_names_out()[best]]


METHODS = {
    "c-TF-IDF, words": lambda texts, labels: c_tf_idf(texts, labels, (1, 1)),
    "c-TF-IDF, words and phrases": lambda texts, labels: c_tf_idf(texts, labels, (1, 2)),
    "name_clusters, words": lambda texts, labels: name_clusters(texts, labels, phrase_length=1),
    "name_clusters": name_clusters,
}


def sets_with_texts():
    """Iterate over sets as (name, texts, classes, names of the classes)."""
    snips = load_snips()
    yield "snips7", list(snips.texts), np.asarray(snips.target), list(snips.target_names)
    for path in sorted(Path(os.environ.get("VMFMIX_DATA", os.devnull)).glob("*.npz")):
        with np.load(path) as file:
            if "texts" in file.files and path.stem != "snips7":
                yield path.stem, file["texts"].tolist(), file["y"], file["names"].tolist()


def words_of(name):
    """Return the words of the name of a class or cluster, such as BookRestaurant or book_flight."""
    words = {word.lower() for word in re.findall(r"[^\W_]+?(?=[A-Z]|_|\W|$)", name)}
    return words - stop_words_of("english") - {""}


def score(names, class_names):
    """Return the share of the words of classes that names contain, and of names that repeat."""
    found, repeats = [], []
    for name, class_name in zip(names, class_names, strict=True):
        words = words_of(name)
        expected = words_of(class_name)
        if expected:
            found.append(np.mean([any(are_similar(e, w) for w in words) for e in expected]))
        terms = [set(map(str.lower, term.split())) for term in name.split(", ")]
        repeats.append(
            any(are_similar(w, v) for a, b in combinations(terms, 2) for w in a for v in b)
        )
    return float(np.mean(found)), float(np.mean(repeats))


def names_of_sets():
    """Return how well the names of each method match the names of classes."""
    rows = []
    for name, texts, labels, class_names in sets_with_texts():
        for method, names_by in METHODS.items():
            found, repeats = score(names_by(texts, labels), class_names)
            rows.append(
                {
                    "set": name,
                    "clusters": len(class_names),
                    "method": method,
                    "class words found": round(found, 3),
                    "names that repeat a word": round(repeats, 3),
                }
            )
    return rows


def duration(n_texts, n_clusters):
    """Return the seconds for random texts, whose words are as frequent as Zipf's law says."""
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (VOCABULARY, 7), dtype=np.uint32)
    vocabulary = letters.view("U7")[:, 0]
    labels = rng.integers(0, n_clusters, n_texts)
    size = (n_texts, WORDS_PER_TEXT)
    general = np.minimum(rng.zipf(1.2, size), VOCABULARY) - 1
    own = (labels[:, None] * 37 + np.minimum(rng.zipf(1.5, size), 300)) % VOCABULARY
    words = vocabulary[np.where(rng.random(size) < 0.3, own, general)]
    texts = [" ".join(row) for row in words]
    start, cpu_start = time.perf_counter(), time.process_time()
    names = name_clusters(texts, labels)
    return {
        "texts": n_texts,
        "clusters": n_clusters,
        "words per text": WORDS_PER_TEXT,
        "different names": len(set(names)),
        "seconds": round(time.perf_counter() - start, 1),
        "CPU seconds": round(time.process_time() - cpu_start, 1),
    }


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=TEXTS, help="default: %(default)s")
    parser.add_argument("--clusters", type=int, default=CLUSTERS, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    names = names_of_sets()
    print_rows("names", *names)
    times = [duration(options.texts, options.clusters)]
    print_rows("time", *times)
    write(options.output, {**machine.describe("scikit-learn"), "names": names, "time": times})


if __name__ == "__main__":
    main()
