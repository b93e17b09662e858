"""Timing of several methods in turn in one process, so that machine drift affects all alike."""

import time

import numpy as np

REST = 0.2  # seconds between turns: BLAS threads keep spinning for a while and would interfere
CALLS = 4  # per turn; the first is not counted
BUDGET = 20.0  # seconds for all turns of one method


def seconds_of(call, *arguments):
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def alternate(timers, rounds, *, calls=CALLS, budget=BUDGET, min_turns=None, costs=None):
    """Return the seconds of each method in each round.

    Parameters
    ----------
    timers : dict
        Name of each method and a callable that runs it and returns the seconds measured. These may
        be fewer than the callable itself takes.
    rounds : int
    calls : int
        Calls per turn; see `turn`.
    budget : float
        Seconds that one method may take. Slow methods get turns in fewer rounds, spread evenly.
    min_turns : dict, default=None
        Turns that a method gets even if they exceed its budget; one for methods not listed.
    costs : dict, default=None
        Seconds per call of each method; None measures them with one call that is not counted.

    Returns
    -------
    dict of ndarray of shape (rounds,)
        NaN for rounds in which a method had no turn.
    """
    costs = {name: seconds_of(timer) for name, timer in timers.items()} if costs is None else costs
    plans = {
        name: plan(costs[name], rounds, calls, budget, (min_turns or {}).get(name, 1))
        for name in timers
    }
    seconds = {name: np.full(rounds, np.nan) for name in timers}
    for i in range(rounds):
        for name, timer in timers.items():
            calls_in_turn, turns = plans[name]
            if i in turns:
                time.sleep(REST)
                seconds[name][i] = turn(timer, calls_in_turn)
    return seconds


def turn(timer, calls):
    """Return the median of consecutive calls without the first, or the time of a single call."""
    measured = [timer() for _ in range(calls)]
    return float(np.median(measured[1:] or measured))


def plan(cost, rounds, calls, budget, min_turns):
    """Return the calls per turn and the rounds with a turn for a method that takes `cost` s."""
    affordable = budget / cost
    min_calls = min(2 if affordable >= 2 else 1, calls)
    calls = int(np.clip(affordable / rounds, min_calls, calls))
    turns = int(np.clip(affordable / calls, min(min_turns, rounds), rounds))
    return calls, set(np.linspace(0, rounds - 1, turns).round().astype(int).tolist())


def median(seconds):
    """Return the median over the rounds with a turn, or NaN if there were none."""
    taken = seconds[~np.isnan(seconds)]
    return float(np.median(taken)) if len(taken) else float("nan")


def ratios(seconds, other):
    """Return the ratios to the other method's time in rounds in which both had a turn."""
    quotients = seconds / other
    return quotients[~np.isnan(quotients)]
