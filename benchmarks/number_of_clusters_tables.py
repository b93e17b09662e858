"""Tables of the results of `benchmarks.number_of_clusters`."""

import numpy as np

from benchmarks.labeled_sets import HARD, encoder_of, split_by_encoder
from benchmarks.number_of_clusters_methods import DEFAULT, METHODS, VARIANTS
from benchmarks.planted_sets import (
    UNCLUSTERED,
    UNCLUSTERED_DIMS,
    planted_keys,
    planted_title,
    unclustered_title,
)
from benchmarks.runs import complete, mean, median
from benchmarks.tables import markdown

CHOSEN = "the width of a vote (0.5) and the range of scales (1.5 to 48 steps)"
SCORES = {"AMI": "adjusted_mutual_info", "ARI": "adjusted_rand", "ACC": "accuracy"}
REGRETS = ("ARI", "AMI")
AUTO = "auto"
STARTS = {"2 K*": 2, "4 K*": 4, "8 K*": 8}  # multiples of K*, besides the automatic start
PLANTED_STARTS = {"4 K*": 4}
PLOTTED = {"snips7": 16, "digits": 16, "stackoverflow20": 16, "clinc150": 16}  # additional start
MAX_ROWS = 3000  # for the alternatives
N_LEVELS = 3  # that a user would look at
NEAR = 1.5  # greatest ratio of a level to K* that counts as found
COMPARED = ("labeled", "rivals", "alternatives")  # parts of the summary, in its order


def error_factor(estimate, *true):
    """Return max(K / K*, K* / K) for the nearest true number; an estimate of 0 counts as 1."""
    return float(min(np.exp(abs(np.log(max(estimate, 1) / k))) for k in true))


def mean_error_factor(runs, true="K*"):
    """Return the geometric mean over the seeds; over- and underestimates do not cancel."""
    factors = [error_factor(each["K"], *np.atleast_1d(each[true])) for each in runs]
    return float(np.exp(np.mean(np.log(factors))))


def share_with_level(runs):
    """Return the share of the runs in which one of the first levels is near K*."""
    return float(np.mean([has_near_level(each) for each in runs]))


def has_near_level(run):
    """Return whether one of the first levels is near K*."""
    numbers = [number for number, _ in run["levels"][:N_LEVELS]]
    return any(error_factor(number, run["K*"]) <= NEAR + 1e-9 for number in numbers)


def spread(starts):
    """Return the ratio of the largest to the smallest K estimated from different starts."""
    numbers = [mean(runs, "K") for start, runs in starts.items() if start in (AUTO, *STARTS)]
    return max(numbers) / min(numbers)


def k_range(runs):
    """Return the range of K over the runs, as text."""
    numbers = [each["K"] for each in runs]
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def other_starts(starts):
    """Return the mean K from each multiple of K*, or None if there were too few rows."""
    return {
        f"K from {start}": round(mean(starts[start], "K"), 1) if start in starts else None
        for start in STARTS
    }


def order(run):
    """Return the position of a run in the tables."""
    part = COMPARED.index(run["part"]) if run["part"] in COMPARED else len(COMPARED)
    return part, run["set"], list(METHODS).index(run["method"])


def by_start(runs, part):
    """Return the runs of a part as {(set, method): {start: [run, ...]}}."""
    groups = {}
    for each in runs:
        if each["part"] == part:
            starts = groups.setdefault((each["set"], each["method"]), {})
            starts.setdefault(each["start"], []).append(each)
    return groups


def title_of(run):
    """Return the name of a method, and whether it got only some rows."""
    few_rows = f", ≤ {MAX_ROWS} rows" if run["part"] == "alternatives" else ""
    return run["method"] + few_rows


def compared(runs):
    """Return the runs of the labeled sets from the automatic start, {set: {method: [run, ...]}}."""
    groups = {}
    for each in runs:
        if each["part"] in COMPARED and each["start"] == AUTO:
            groups.setdefault(each["set"], {}).setdefault(title_of(each), []).append(each)
    return dict(sorted(groups.items()))


def summary_table(groups, labeled):
    """Return a row for each method, over sets that have runs of the same methods.

    Parameters
    ----------
    groups : dict
        Of `compared`.
    labeled : dict
        The runs from every start, of `by_start`.
    """
    return [
        summary_row(
            title,
            {name: methods[title] for name, methods in groups.items()},
            [spread(labeled[name, title]) for name in groups if (name, title) in labeled],
        )
        for title in next(iter(groups.values()), ())
    ]


def summary_row(title, runs_of_sets, spreads):
    """Return a row of the summary; `runs_of_sets` is {set: [run, ...]}."""

    def over_sets(value, *arguments):
        return {name: value(runs, *arguments) for name, runs in runs_of_sets.items()}

    def average(key):
        return round(float(np.mean(list(over_sets(mean, key).values()))), 3)

    errors = {
        "error factor": over_sets(mean_error_factor),
        "error factor to the nearer K*": over_sets(mean_error_factor, "true numbers"),
    }
    row = {"method": title, "sets": len(runs_of_sets)}
    for name, factors in errors.items():
        row[f"{name}, median"] = round(float(np.median(list(factors.values()))), 2)
        row |= worst(name, factors)
    row |= {f"{score}, mean": average(score) for score in REGRETS}
    first = next(iter(runs_of_sets.values()))[0]
    if "noise" in first:
        row["noise, mean"] = average("noise")
    if "levels" in first:
        for score in REGRETS:
            row[f"regret {score}, mean"] = average(f"regret {score}")
            row |= worst(f"regret {score}", over_sets(mean, f"regret {score}"), 3)
        shares = over_sets(share_with_level)
        row[f"K* within a factor {NEAR} of a level"] = round(np.mean(list(shares.values())), 3)
        row["largest / smallest K over starts, median"] = round(float(np.median(spreads)), 2)
        row["largest / smallest K over starts, worst"] = round(max(spreads), 2)
    row["seconds, median"] = round(np.median(list(over_sets(median, "seconds").values())), 2)
    return row


def worst(title, values, digits=2):
    """Return the greatest value, and its set."""
    name = max(values, key=values.get)
    return {f"{title}, worst": round(values[name], digits), f"{title}, worst set": name}


def encoder_table(groups):
    """Return a row for each method: means over the sets of one encoder."""
    rows = []
    for title in next(iter(groups.values()), ()):
        runs_of_sets = [methods[title] for methods in groups.values()]
        factors = [mean_error_factor(runs) for runs in runs_of_sets]
        rows.append(
            {
                "method": title,
                "sets": len(runs_of_sets),
                "error factor, median": round(float(np.median(factors)), 2),
                **{
                    score: round(float(np.mean([mean(runs, score) for runs in runs_of_sets])), 3)
                    for score in REGRETS
                },
            }
        )
    return rows


def labeled_table(labeled):
    """Return a row for each labeled set and variant."""
    rows = []
    for (name, method), starts in labeled.items():
        auto = starts[AUTO]
        rows.append(
            {
                "set": name,
                "method": method,
                "encoder": encoder_of(name),
                "hard": name in HARD,
                "rows": auto[0]["rows"],
                "K*": auto[0]["K*"],
                "K found": round(mean(auto, "K"), 1),
                "range": k_range(auto),
                "error factor": round(mean_error_factor(auto), 2),
                "to the nearer K*": round(mean_error_factor(auto, "true numbers"), 2),
                "levels": levels_cell(auto[0]["levels"]),
                f"K* within a factor {NEAR} of a level": round(share_with_level(auto), 2),
                **other_starts(starts),
                **{score: round(mean(auto, score), 3) for score in SCORES},
                **{f"regret {score}": round(mean(auto, f"regret {score}"), 3) for score in REGRETS},
                **{f"K of best {score}": auto[0][f"K of best {score}"] for score in REGRETS},
                "seconds": round(median(auto, "seconds"), 2),
            }
        )
    return rows


def levels_cell(levels):
    """Return numbers with their strengths as text."""
    return ", ".join(f"{number} ({strength:.2f})" for number, strength in levels)


def methods_table(runs, part):
    """Return a row for each labeled set, with a column for each method of a part."""
    rows = {}
    for (name, method), starts in by_start(runs, part).items():
        auto = starts[AUTO]
        about = {"set": name, "rows": auto[0]["rows"], "K*": auto[0]["K*"]}
        rows.setdefault(name, about)[f"{method}: K (ARI, AMI)"] = method_cell(auto)
    return list(rows.values())


def method_cell(runs):
    """Return `K (ARI, AMI)`, with the share of rows that are noise."""
    share = mean(runs, "noise")
    noise = f", {share:.0%} noise" if share > 0 else ""
    return f"{k_range(runs)} ({mean(runs, 'ARI'):.2f}, {mean(runs, 'AMI'):.2f}{noise})"


def planted_table(mixtures):
    """Return a row for each mixture, with the sample sizes side by side."""
    rows, all_starts = {}, {}
    for kind, imbalance, dim, k, n in planted_keys():
        starts = mixtures.get((planted_title(kind, imbalance, dim, k, n), DEFAULT))
        if starts is None:
            continue
        row = rows.setdefault(
            (kind, imbalance, dim, k),
            {
                "kind": kind,
                "sizes": "equal" if imbalance == 1 else f"{imbalance}:1",
                "features": dim,
                "K*": k,
            },
        )
        row[f"K found in {n} rows"] = k_range(starts[AUTO])
        all_starts.setdefault((kind, imbalance, dim, k), []).append(starts)
    for mixture, row in rows.items():
        for start in PLANTED_STARTS:
            runs = [each for starts in all_starts[mixture] for each in starts.get(start, ())]
            row[f"K from {start}"] = k_range(runs) if runs else None
        autos = [each for starts in all_starts[mixture] for each in starts[AUTO]]
        row["ARI"] = round(mean(autos, "ARI"), 3)
        row["seconds"] = round(median(autos, "seconds"), 2)
    return list(rows.values())


def unclustered_table(samples):
    """Return the table of the samples without clusters."""
    rows = []
    for distribution in UNCLUSTERED:
        for dim in UNCLUSTERED_DIMS:
            for method in VARIANTS:
                starts = samples.get((unclustered_title(distribution, dim), method))
                if starts is None:
                    continue
                rows.append(
                    {
                        "distribution": distribution,
                        "features": dim,
                        "rows": starts[AUTO][0]["rows"],
                        "method": method,
                        "K found": k_range(starts[AUTO]),
                        **{
                            f"K from {times}": k_range(starts[start]) if start in starts else None
                            for start, times in STARTS.items()
                        },
                        "seconds": round(median(starts[AUTO], "seconds"), 2),
                    }
                )
    return rows


def histories(labeled):
    """Return the number of components in each iteration, by set and start, for the first seed."""
    found = {}
    for name in PLOTTED:
        if starts := labeled.get((name, DEFAULT)):
            found[name] = {
                "K*": starts[AUTO][0]["K*"],
                **{start: runs[0]["history"] for start, runs in starts.items()},
            }
    return found


def tables(runs):
    """Return the tables of the results file, and the data of the figure."""
    runs = sorted(runs, key=order)
    # A set is left out of the tables until it has a run from the automatic start.
    labeled, mixtures, samples = (
        {each: starts for each, starts in by_start(runs, part).items() if AUTO in starts}
        for part in ("labeled", "planted", "unclustered")
    )
    groups = compared(runs)
    comparable = complete(groups)
    usual = {name: each for name, each in comparable.items() if name not in HARD}
    hard = {name: each for name, each in comparable.items() if name in HARD}
    by_encoder = {
        encoder: encoder_table(sets) for encoder, sets in split_by_encoder(comparable).items()
    }
    found = {
        "summary": summary_table(usual, labeled),
        "summary_of_hard_sets": summary_table(hard, labeled),
        "encoders": by_encoder,
        "labeled": labeled_table(labeled),
        "rivals": methods_table(runs, "rivals"),
        "alternatives": methods_table(runs, "alternatives"),
        "planted": planted_table(mixtures),
        "unclustered": unclustered_table(samples),
        "histories": histories(labeled),
    }
    return {
        "seeds": 1 + max((each["seed"] for each in runs), default=-1),
        "chosen_on_these_sets": CHOSEN,
        "hard_sets": [name for name in groups if name in HARD],
        "not_in_summary": [name for name in groups if name not in comparable],
        **{name: table for name, table in found.items() if table},
    }


def readme_table(results):
    """Return the means over the sets that are not hard as Markdown, for README.md."""
    factor = "error factor to the nearer K*, median"
    return markdown(
        [
            {
                "method": row["method"],
                "AMI": f"{row['AMI, mean']:.3f}",
                "ARI": f"{row['ARI, mean']:.3f}",
                "error factor": f"{row[factor]:.2f}",
                "noise": f"{row.get('noise, mean', 0.0):.0%}",
            }
            for row in results["summary"]
        ]
    )
