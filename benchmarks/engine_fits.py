"""Whole fits at the true number of components, beside those of others."""

import time

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.alternating import alternate, median, ratios, seconds_of
from benchmarks.engine_sets import SHAPES, indicator, rows_to_fit, sets_to_fit
from benchmarks.rivals import FITS, RIVAL, first_rows, fits_of, limited_to
from benchmarks.tables import tell
from vmfmix.model.matrices import row_lengths

FIT_SEEDS = 5
FIT_BUDGET = 60.0  # seconds of all fits by one method
LONGEST_FIT = 300.0  # seconds from which on a method is left out
SURELY_TOO_LONG = 3 * LONGEST_FIT  # of an estimate, compilation included


class Fit:
    """Whole fits on overlapping clusters, in the shape asv expects."""

    params = (SHAPES["full"]["fit"], list(FITS))
    param_names = ("shape", "method")
    timeout = 600

    def setup(self, shape, method):
        self.X, _ = rows_to_fit(shape)
        FITS[method](first_rows(self.X, shape.components), shape.components, 0)  # compiles

    def time_fit(self, shape, method):
        FITS[method](self.X, shape.components, 0)


class ClockedFit:
    """Seconds of fits with one seed after the other, and how good they were."""

    def __init__(self, method, X, y):
        self._fit, self._X, self._y = fits_of(X)[method], X, y
        self._k = len(np.unique(y))
        self.runs = []

    def estimate(self):
        """Seconds that all rows would take, from the first of them; also compiles and loads."""
        some = first_rows(self._X, self._k)
        for part in (some[: some.shape[0] // 2], some):
            share = part.shape[0] / self._X.shape[0]
            seconds = seconds_of(self._fit, part, self._k, 0) / share
            if seconds > SURELY_TOO_LONG:
                break
        return seconds

    def __call__(self):
        start = time.perf_counter()
        fitted = self._fit(self._X, self._k, len(self.runs))
        seconds = time.perf_counter() - start
        run = {
            "mean cosine": mean_cosine(self._X, fitted.labels),
            "ARI": adjusted_rand_score(self._y, fitted.labels),
            "iterations": fitted.iterations,
        }
        if fitted.seconds_of_start is not None:
            run["seeding and merging"] = fitted.seconds_of_start / seconds
        self.runs.append(run)
        return seconds


def mean_cosine(X, labels):
    """Mean cosine of unit rows with the mean direction of their cluster, Σ_k ‖S_k‖ / n.

    The objective of spherical k-means, to be maximized.
    """
    resultants = indicator(labels).T.astype(np.float64) @ X
    return float(row_lengths(resultants).sum() / len(labels))


def fit_part(shapes, options):
    """The table after each set."""
    table = []
    for name, X, y in sets_to_fit(shapes["fit"]):
        with limited_to(max(options.threads)):
            fits = {method: ClockedFit(method, X, y) for method in fits_of(X)}
            costs = {method: fit.estimate() for method, fit in fits.items()}
            seconds = alternate(
                {method: fit for method, fit in fits.items() if costs[method] <= LONGEST_FIT},
                min(options.repeats, FIT_SEEDS),
                calls=1,
                budget=FIT_BUDGET,
                costs=costs,
            )
        about = {"data": name, "rows": X.shape[0], "features": X.shape[1]}
        about["components"] = len(np.unique(y))
        for method, fit in fits.items():
            table.append(about | {"method": method} | fit_row(method, fit.runs, seconds))
            tell(name, table[-1])
        yield {"fits": table}


def fit_row(method, runs, seconds):
    """Median times, and means of the scores; None where the method would have taken too long."""
    if method not in seconds:
        names = ("seconds", f"time / {RIVAL}", "mean cosine", "ARI", "iterations")
        return {**dict.fromkeys((*names, "seeding and merging")), "fits": 0}
    to_rival = ratios(seconds[method], seconds.get(RIVAL, np.nan))
    return {
        "seconds": round(median(seconds[method]), 3),
        f"time / {RIVAL}": round(float(np.median(to_rival)), 2) if len(to_rival) else None,
        "mean cosine": round(mean_of(runs, "mean cosine"), 5),
        "ARI": round(mean_of(runs, "ARI"), 3),
        "iterations": round(mean_of(runs, "iterations"), 1),
        "seeding and merging": share_of_start(runs),
        "fits": len(runs),
    }


def share_of_start(runs):
    """Share of a fit until EM began, in percent; None where it is not known."""
    known = "seeding and merging" in runs[0]
    return f"{100 * mean_of(runs, 'seeding and merging'):.0f} %" if known else None


def mean_of(runs, name):
    return float(np.mean([each[name] for each in runs]))
