"""Rivals timed in turn in one process, so that a drift of the machine meets all of them."""

import time

import numpy as np

REST = 0.2  # seconds between turns: threads of BLAS go on spinning and would be in the way
CALLS = 4  # in a turn; the first is not counted
BUDGET = 20.0  # seconds for all turns of one rival


def seconds_of(call, *arguments):
    """Seconds of one call."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def alternate(rivals, rounds, *, calls=CALLS, budget=BUDGET, fewest_turns=None, costs=None):
    """Seconds of each rival in each round.

    Parameters
    ----------
    rivals : dict
        Name and a callable that gives the seconds of what is measured, which may be a part of the
        time that it takes itself.
    rounds : int
    calls : int
        In a turn; see `turn`.
    budget : float
        Seconds that one rival may take; those that are slow have turns in fewer rounds, spread
        evenly.
    fewest_turns : dict, default=None
        Turns that a rival has even beyond its budget; one, where it is not named.
    costs : dict, default=None
        Seconds that each rival takes for one call; None: from a first call that is not counted.

    Returns
    -------
    dict of ndarray of shape (rounds,)
        NaN in the rounds in which a rival had no turn.
    """
    costs = {name: seconds_of(rival) for name, rival in rivals.items()} if costs is None else costs
    plans = {
        name: plan(costs[name], rounds, calls, budget, (fewest_turns or {}).get(name, 1))
        for name in rivals
    }
    seconds = {name: np.full(rounds, np.nan) for name in rivals}
    for i in range(rounds):
        for name, rival in rivals.items():
            calls_in_turn, turns = plans[name]
            if i in turns:
                time.sleep(REST)
                seconds[name][i] = turn(rival, calls_in_turn)
    return seconds


def turn(rival, calls):
    """Median of several calls in a row without the first, or a single call where it is alone."""
    measured = [rival() for _ in range(calls)]
    return float(np.median(measured[1:] or measured))


def plan(cost, rounds, calls, budget, fewest_turns):
    """Calls in each turn, and the rounds with a turn, for a rival that takes `cost` seconds."""
    affordable = budget / cost
    least = min(2 if affordable >= 2 else 1, calls)
    calls = int(np.clip(affordable / rounds, least, calls))
    turns = int(np.clip(affordable / calls, min(fewest_turns, rounds), rounds))
    return calls, set(np.linspace(0, rounds - 1, turns).round().astype(int).tolist())


def median(seconds):
    """Median over the rounds with a turn; NaN where there was none."""
    taken = seconds[~np.isnan(seconds)]
    return float(np.median(taken)) if len(taken) else float("nan")


def ratios(seconds, other):
    """Ratio to the other's time in the rounds where both had a turn."""
    quotients = seconds / other
    return quotients[~np.isnan(quotients)]
