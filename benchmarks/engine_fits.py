"""Whole fits at the true number of components, compared with other libraries."""

import time

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.alternating import alternate, median, ratios, seconds_of
from benchmarks.baselines import FITS, REFERENCE, first_rows, fits_of, limited_to
from benchmarks.engine_sets import SHAPES, indicator, rows_to_fit, sets_to_fit
from benchmarks.tables import print_rows
from vmfmix.model.matrices import row_lengths

FIT_SEEDS = 5
FIT_BUDGET = 60.0  # seconds for all fits by one method
MAX_FIT_SECONDS = 300.0  # methods whose estimated time is longer are left out
MAX_ESTIMATE = 3 * MAX_FIT_SECONDS  # an estimate above this, with compilation, is not refined


class Fit:
    """Whole fits to overlapping clusters, following the conventions of asv."""

    params = (SHAPES["full"]["fit"], list(FITS))
    param_names = ("shape", "method")
    timeout = 600

    def setup(self, shape, method):
        self.X, _ = rows_to_fit(shape)
        FITS[method](first_rows(self.X, shape.components), shape.components, 0)  # compiles

    def time_fit(self, shape, method):
        FITS[method](self.X, shape.components, 0)


class TimedFit:
    """Fits with the seeds 0, 1, …; each call times one, and `runs` collects their scores."""

    def __init__(self, method, X, y):
        self._fit, self._X, self._y = fits_of(X)[method], X, y
        self._k = len(np.unique(y))
        self.runs = []

    def estimate(self):
        """Return the seconds that all rows would take, extrapolated from a part of the rows.

        This also compiles kernels and loads libraries.
        """
        sample = first_rows(self._X, self._k)
        for part in (sample[: sample.shape[0] // 2], sample):
            share = part.shape[0] / self._X.shape[0]
            seconds = seconds_of(self._fit, part, self._k, 0) / share
            if seconds > MAX_ESTIMATE:
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
        if fitted.seconds_before_em is not None:
            run["seeding and merging"] = fitted.seconds_before_em / seconds
        self.runs.append(run)
        return seconds


def mean_cosine(X, labels):
    """Return the mean cosine of unit rows with the mean direction of their cluster, Σ_k ‖S_k‖ / n.

    This is the objective that spherical k-means maximizes.
    """
    resultants = indicator(labels).T.astype(np.float64) @ X
    return float(row_lengths(resultants).sum() / len(labels))


def fit_part(shapes, options):
    """Iterate over the tables so far, after each set of rows."""
    table = []
    for name, X, y in sets_to_fit(shapes["fit"]):
        with limited_to(max(options.threads)):
            methods = shapes.get("methods of fits", fits_of(X))
            fits = {method: TimedFit(method, X, y) for method in methods}
            costs = {method: fit.estimate() for method, fit in fits.items()}
            seconds = alternate(
                {method: fit for method, fit in fits.items() if costs[method] <= MAX_FIT_SECONDS},
                min(options.repeats, FIT_SEEDS),
                calls=1,
                budget=FIT_BUDGET,
                costs=costs,
            )
        about = {"data": name, "rows": X.shape[0], "features": X.shape[1]}
        about["components"] = len(np.unique(y))
        for method, fit in fits.items():
            table.append(about | {"method": method} | fit_row(method, fit.runs, seconds))
            print_rows(name, table[-1])
        yield {"fits": table}


def fit_row(method, runs, seconds):
    """Return median times and mean scores; None for methods that would have taken too long."""
    if method not in seconds:
        names = ("seconds", f"time / {REFERENCE}", "mean cosine", "ARI", "iterations")
        return {**dict.fromkeys((*names, "seeding and merging")), "fits": 0}
    to_reference = ratios(seconds[method], seconds.get(REFERENCE, np.nan))
    return {
        "seconds": round(median(seconds[method]), 3),
        f"time / {REFERENCE}": (
            round(float(np.median(to_reference)), 2) if len(to_reference) else None
        ),
        "mean cosine": round(mean_of(runs, "mean cosine"), 5),
        "ARI": round(mean_of(runs, "ARI"), 3),
        "iterations": round(mean_of(runs, "iterations"), 1),
        "seeding and merging": share_before_em(runs),
        "fits": len(runs),
    }


def share_before_em(runs):
    """Return the percentage of a fit that precedes EM, or None if it is unknown."""
    known = "seeding and merging" in runs[0]
    return f"{100 * mean_of(runs, 'seeding and merging'):.0f} %" if known else None


def mean_of(runs, name):
    """Return the mean of one score over the runs."""
    return float(np.mean([each[name] for each in runs]))
