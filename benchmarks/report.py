"""The report page with many rows: opening, search, map, size, time to write it, and layout.

``python -m benchmarks.report [--parts page writing layout] [--rows N] [--keep FILE]
[--output FILE]``

* page: a page with many short texts in headless Chromium, without a GPU: seconds until it can be
  used; milliseconds of each key press in the search, up to the redrawn map and table; frames per
  second while the map is zoomed and moved; bytes per row besides the texts. Needs Chromium,
  chromedriver and selenium;
* writing: seconds to write a page of 20,000 rows in 500 clusters;
* layout: the layout of the map of the bundled sentences, compared with two principal components
  and umap-learn: seconds, and the share of the ten nearest neighbors by angle that are among the
  ten nearest on the map.
"""

import argparse
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from benchmarks import machine
from benchmarks.baselines import optional, without_warnings
from benchmarks.planted_sets import planted
from benchmarks.tables import print_rows, save
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.neighbors import nearest_neighbors
from vmfmix.report import write_report
from vmfmix.report.layout import plane_layout

RESULTS = Path(__file__).parent / "results" / "report.json"
TABLES = ("page", "writing", "layout")
ROWS_OF_PAGE, FEATURES_OF_PAGE, CLUSTERS_OF_PAGE = 200_000, 64, 100
ROWS_TO_WRITE, FEATURES_TO_WRITE, CLUSTERS_TO_WRITE = 20_000, 384, 500
WORDS, LETTERS = 20_000, "etaoinshrdlcumwfgypbvk"
CHARACTERS = 60  # of each text, about
QUERIES = 4
NEIGHBORS = 10
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")

# Types queries letter by letter; returns milliseconds of script, layout and painting of each.
TYPE = """
const [queries, done] = arguments, field = document.getElementById("query"), times = [];
field.scrollIntoView();
const channel = new MessageChannel();
const keys = queries.flatMap((query) => [...query].map((_, i) => query.slice(0, i + 1)));
function next() {
  if (times.length === keys.length) { done(times); return; }
  field.value = keys[times.length];
  let frame;
  requestAnimationFrame(() => { frame = performance.now(); channel.port2.postMessage(0); });
  const start = performance.now();
  field.dispatchEvent(new Event("input"));
  const handled = performance.now() - start;
  channel.port1.onmessage = () => {
    times.push(handled + performance.now() - frame);
    setTimeout(next, 30);
  };
}
next();
"""
# Calls one function in each frame; returns frames per second.
MOVE = """
const [kind, frames, done] = arguments, surface = document.getElementById("map-surface");
const box = surface.getBoundingClientRect();
const at = (x, y) => ({ clientX: box.left + box.width / 2 + x,
  clientY: box.top + box.height / 2 + y, pointerId: 1, bubbles: true, cancelable: true });
const send = (Kind, name, x, y, more) =>
  surface.dispatchEvent(new Kind(name, { ...at(x, y), ...more }));
surface.setPointerCapture = () => {};
let n = 0, start = 0;
function frame(now) {
  if (n === 0) start = now;
  if (n === frames) {
    send(PointerEvent, "pointerup", 0, 0);
    done(1000 * frames / (now - start));
    return;
  }
  n++;
  if (kind === "zoom") {
    send(WheelEvent, "wheel", 0, 0, { deltaY: n > frames / 2 ? 20 : -20 });
  } else {
    if (n === 1) send(PointerEvent, "pointerdown", 0, 0);
    send(PointerEvent, "pointermove", 60 * Math.sin(n / 9), 60 * Math.cos(n / 9));
  }
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
"""


def words_of(rng):
    """Return a vocabulary, the most frequent words first."""
    letters = np.array(list(LETTERS))
    weights = 1.0 / np.arange(2, len(letters) + 2)
    lengths = rng.integers(2, 10, WORDS)
    drawn = rng.choice(letters, (WORDS, 10), p=weights / weights.sum())
    return ["".join(word[:length]) for word, length in zip(drawn, lengths)]


def texts_of(clusters, rng):
    """Return a text of each row, whose words are partly those of its cluster."""
    words, n_words = words_of(rng), round(CHARACTERS / 6)
    ranks = np.floor(WORDS ** rng.random((len(clusters), n_words))).astype(int) - 1
    own = rng.random(ranks.shape) < 0.2
    own_ranks = (ranks % 10) + 100 * clusters[:, np.newaxis] % (WORDS - 10)
    return [" ".join(words[k] for k in row) for row in np.where(own, own_ranks, ranks)]


def fitted(X, n_clusters, smooth=False):
    """Return a mixture that was merged from slightly more components, in few iterations."""
    model = VMFMixture(
        n_clusters,
        n_components_init=n_clusters + n_clusters // 5,
        max_iter=3,
        smooth=smooth,
        random_state=0,
    )
    return without_warnings(model.fit, X)


def planted_rows(n_rows, n_features, n_clusters):
    """Return rows, and their texts."""
    X, y = planted("plain", n_rows, n_features, n_clusters, 1, 0)
    return X, texts_of(y, np.random.default_rng(0))


def write_page(path, n_rows):
    """Write a page that has all rows at coordinates of their own; return its texts."""
    X, texts = planted_rows(n_rows, FEATURES_OF_PAGE, CLUSTERS_OF_PAGE)
    model = fitted(X, CLUSTERS_OF_PAGE)
    rng = np.random.default_rng(0)
    centers = 10 * rng.standard_normal((model.n_components_, 2))
    places = centers[model.predict(X)] + rng.standard_normal((n_rows, 2))
    write_report(path, model, X, texts=texts, coordinates=places, n_rows=n_rows)
    return texts


def queries_of(texts):
    """Return queries of two words of a text, in another order, and of one with another excluded."""
    words = [texts[row].split() for row in np.linspace(0, len(texts) - 1, QUERIES).astype(int)]
    return [f"{row[3]} {row[1]}" for row in words] + [f"{words[0][0]} -{words[0][2]}"]


def page(n_rows, keep=None):
    """Return the table of a page in a browser, or none without one."""
    webdriver = optional("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if webdriver is None or chromium is None or chromedriver is None:
        print("Skipping page: selenium, Chromium or chromedriver is not installed.")
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(keep or Path(folder, "report.html")).resolve()
        texts = write_page(path, n_rows)
        n_bytes = path.stat().st_size - sum(len(text.encode()) for text in texts)
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for switch in SWITCHES:
            options.add_argument(switch)
        driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
        try:
            driver.set_window_size(1280, 900)
            driver.set_script_timeout(120)
            facts = {"rows": n_rows, "bytes per row": round(n_bytes / n_rows, 1)}
            return [facts | used(driver, path, texts)]
        finally:
            driver.quit()


def used(driver, path, texts):
    """Return what is measured on an open page."""
    start = time.perf_counter()
    driver.get(path.as_uri())
    ready = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]("
    driver.execute_async_script(ready + "document.documentElement.dataset.ready)))")
    opened = time.perf_counter() - start
    time.sleep(1)
    keys = driver.execute_async_script(TYPE, queries_of(texts))
    driver.execute_script("selectNothing()")
    zoomed, moved = (driver.execute_async_script(MOVE, kind, 90) for kind in ("zoom", "pan"))
    return {
        "seconds to open": round(opened, 2),
        "ms per key (median)": round(float(np.median(keys)), 1),
        "ms per key (slowest)": round(max(keys), 1),
        "frames/s zoomed": round(zoomed),
        "frames/s moved": round(moved),
    }


def writing():
    """Return the table of the seconds to write a page, with and without smoothed rows."""
    X, texts = planted_rows(ROWS_TO_WRITE, FEATURES_TO_WRITE, CLUSTERS_TO_WRITE)
    table = []
    for smooth in (False, True):
        model = fitted(X, CLUSTERS_TO_WRITE, smooth)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "report.html")
            write_report(path, model, X[:500], texts=texts[:500])  # compiles kernels
            start = time.perf_counter()
            write_report(path, model, X, texts=texts)
            seconds = time.perf_counter() - start
        shape = {"rows": ROWS_TO_WRITE, "features": FEATURES_TO_WRITE}
        clusters = {"clusters": CLUSTERS_TO_WRITE, "smooth": smooth}
        table.append({**shape, **clusters, "seconds": round(seconds, 1)})
    return table


def neighbors_kept(X, places):
    """Return the share of nearest neighbors by angle that are also nearest in the plane."""
    from sklearn.neighbors import NearestNeighbors

    by_angle = nearest_neighbors(X, NEIGHBORS).rows
    on_map = NearestNeighbors(n_neighbors=NEIGHBORS).fit(places).kneighbors(return_distance=False)
    kept = [len(np.intersect1d(a, b)) for a, b in zip(by_angle, on_map)]
    return float(np.mean(kept)) / NEIGHBORS


def layouts():
    """Return the table of layouts of the bundled sentences."""
    X = load_snips().data
    clusters = VMFMixture(7, random_state=0).fit(X).labels_
    methods = {
        "vmfmix": lambda: plane_layout(X, clusters),
        "two principal components": lambda: PCA(2, random_state=0).fit_transform(X),
    }
    if optional("umap") is None:
        print("Skipping umap-learn, which is not installed.")
    else:
        methods["umap-learn"] = lambda: plane_layout(X, clusters, layout="umap")
    table = []
    for name, place in methods.items():
        place()  # compiles kernels
        start = time.perf_counter()
        places = place()
        seconds = time.perf_counter() - start
        kept = round(neighbors_kept(X, places), 3)
        table.append({"layout": name, "seconds": round(seconds, 2), "neighbors kept": kept})
    return table


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=TABLES, default=TABLES, help="default: all")
    parser.add_argument("--rows", type=int, default=ROWS_OF_PAGE, help="default: %(default)s")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the page here")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    calls = {"page": partial(page, options.rows, options.keep), "writing": writing}
    calls["layout"] = layouts
    tables = {}
    for part in options.parts:
        tables[part] = calls[part]()
        print_rows(part, *tables[part])
    save(options.output, machine.describe("scikit-learn", "numba", "umap-learn"), tables, TABLES)


if __name__ == "__main__":
    main()
