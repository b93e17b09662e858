"""Scalar functions of the vMF distribution: Φ, its derivatives A and A', 1 − A, KL from uniform.

The density C_d(κ) exp(κ μ·x) leads to one scalar function and its derivatives,

    Φ(κ) = log C_d(0) − log C_d(κ) ≥ 0,    A = Φ' = E[μ·x],    A' = Φ'' = var(μ·x),

and KL(vMF ‖ uniform) = κ A − Φ. With the order ν = d/2 − 1, A = I_{ν+1}(κ) / I_ν(κ); but no Bessel
function is evaluated, since they under- and overflow long before their ratio does.

The file contains, from top to bottom: exact coefficients of the uniform expansion of log I_n(κ);
the expansion at an order n; the recurrence from a large order down to a small one; `evaluate`,
which chooses between the two.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

_LARGE_ORDER = 25  # at and above this order the expansion alone is exact to rounding
_LARGE_CONCENTRATION = 40.0  # above it the expansion is exact at smaller orders, too
_CHUNK = 8192  # elements per block, so that temporaries stay in cache


# --- the expansion in exact rationals ------------------------------------------------------------


@lru_cache(maxsize=1)
def _log_debye_coefficients(terms: int = 13) -> list[list[Fraction]]:
    """Return the d_mi of log Σ_m U_m(p)/n^m = Σ_m n^-m Σ_i d_mi p^(m+2i), m = 0 … terms.

    U_{m+1} = p²(1−p²) U_m'/2 + ∫(1−5x²) U_m dx/8 (DLMF 10.41.9) is p^(m+1) times a series in p².
    The terms D_m of the logarithm follow from m U_m = Σ_j j D_j U_{m−j}.
    """
    debye = [[Fraction(1)]]
    logs = [[Fraction(0)]]
    for m in range(terms):
        following = [Fraction(0)] * (m + 2)
        for i, a in enumerate(debye[m]):
            power = m + 2 * i
            following[i] += a * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            following[i + 1] -= a * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
        debye.append(following)
        log = list(following)
        for j in range(1, m + 1):
            for i, a in enumerate(logs[j]):
                for k, b in enumerate(debye[m + 1 - j]):
                    log[i + k] -= Fraction(j, m + 1) * a * b
        logs.append(log)
    return logs


@lru_cache(maxsize=1024)
def _polynomials(dim: int) -> tuple[tuple[float, ...], ...]:
    """Return polynomials in u = 1/hypot(n, κ) at the order n = dim/2 − 1, highest power first.

    With p = n u the double series of the logarithm is one polynomial L(u) = Σ_l q_l u^l.

    Returns
    -------
    log_series : L(u) below the order 25. At and above it, (L(u) − L(1/n))/(1 − p), "anchored": the
        root at κ = 0, where u = 1/n, is divided out.
    slope : 1/2 + Σ l q_l u^l.
    curvature : Σ l² q_l u^l.
    """
    n = Fraction(dim - 2, 2)
    terms = next(m for bound, m in ((5000, 4), (500, 5), (128, 7), (48, 9), (0, 13)) if n >= bound)
    q = [Fraction(0)] * (3 * terms + 1)
    for m, row in enumerate(_log_debye_coefficients()[: terms + 1]):
        for i, value in enumerate(row):
            q[m + 2 * i] += value * n ** (2 * i)
    slope = [power * value for power, value in enumerate(q)]
    curvature = [power * value for power, value in enumerate(slope)]
    slope[0] = Fraction(1, 2)
    log_series = q
    if n >= _LARGE_ORDER:
        log_series = []
        tail = Fraction(0)
        for power in range(3 * terms, 0, -1):
            tail += q[power] / n**power
            log_series.insert(0, -tail * n ** (power - 1))
    polynomials = (log_series, slope, curvature)
    return tuple(
        tuple(float(value) for value in reversed(coefficients)) for coefficients in polynomials
    )


def _horner(polynomial: tuple[float, ...], u: FloatArray) -> FloatArray:
    """Evaluate a polynomial, highest power first, by Horner's scheme."""
    value = np.full_like(u, polynomial[0])
    for coefficient in polynomial[1:]:
        value *= u
        value += coefficient
    return value


# --- Φ, A, 1 − A, A', KL from uniform: one dimension, one chunk ----------------------------------


def _expand(kappa: FloatArray, dim: int, wanted: set[str]) -> dict[str, FloatArray]:
    """Compute the wanted quantities by the expansion (DLMF 10.41.3) at n = dim/2 − 1 itself.

    With R = hypot(n, κ), u = 1/R, s = (κ u)² = 1 − (n u)² and the polynomials G (slope) and
    H (curvature) of `_polynomials`:

        A    = κ/(R + n) − κ u² G
        1−A  = (n + n²/(R + κ))/(R + n) + κ u² G
        A'   = n u/(R + n) − u² (G − s (2 G + H))

    Φ = (R − n) − rest and KL = κ A − Φ = rest − s G, with the rest of `_log_part`.
    """
    n = 0.5 * dim - 1.0
    log_series, slope, curvature = _polynomials(dim)
    radius = np.hypot(n, kappa)
    u = 1.0 / radius
    sine = kappa * u
    s = sine * sine
    lead = kappa / (radius + n)
    found: dict[str, FloatArray] = {}
    if wanted != {"phi"}:
        g = _horner(slope, u)
        correction = sine * u
        correction *= g
    if "A" in wanted:
        found["A"] = lead - correction
    if "complement" in wanted:
        found["complement"] = (n + n * (n / (radius + kappa))) / (radius + n) + correction
    if "derivative" in wanted:
        h = _horner(curvature, u)
        h += 2.0 * g
        h *= s
        found["derivative"] = n * u / (radius + n) - u * u * (g - h)
    if "phi" in wanted or "kl_from_uniform" in wanted:
        excess = kappa * lead
        rest = _log_part(n, radius, u, s, excess, log_series)
        if "phi" in wanted:
            found["phi"] = excess - rest
        if "kl_from_uniform" in wanted:
            found["kl_from_uniform"] = rest - s * g
    return found


def _log_part(
    n: float,
    radius: FloatArray,
    u: FloatArray,
    s: FloatArray,
    excess: FloatArray,
    log_series: tuple[float, ...],
) -> FloatArray:
    """Return the rest in Φ = (R − n) − rest, which grows like a logarithm; `excess` is R − n.

    With x = (R − n)/n and p = n u the rest is

        n log1p(x/2) + log1p(x)/2 − s/(1 + p) · anchored(u),

    where every term vanishes as κ² at κ = 0, so nothing cancels. Below the order 25, where κ > 40,

        n log((n + R)/2) + log(2π R)/2 − log Γ(n + 1) − n − L(u),

    which is valid down to n = 0.
    """
    if n < _LARGE_ORDER:
        rest = n * np.log(0.5 * (n + radius))
        rest += 0.5 * np.log(radius)
        rest += 0.5 * math.log(2.0 * math.pi) - math.lgamma(n + 1.0) - n
        rest -= _horner(log_series, u)
        return rest
    x = excess / n
    rest = n * np.log1p(0.5 * x)
    rest += 0.5 * np.log1p(x)
    rest -= _horner(log_series, u) * s / (1.0 + n * u)
    return rest


def _descend(kappa: FloatArray, dim: int, wanted: set[str]) -> dict[str, FloatArray]:
    """Compute the wanted quantities at a small dimension from the expansion at a larger one.

    The recurrence I_{v−1} = I_{v+1} + (2v/κ) I_v leads from the dimension m + 2 to m by
    A_m = κ/(m + κ A_{m+2}) and Φ_m = Φ_{m+2} + log1p(κ A_{m+2}/m); every step contracts the error
    of A.
    """
    top_dim = dim + 2 * math.ceil(_LARGE_ORDER + 1 - 0.5 * dim)
    top = {"A"} | wanted | ({"complement"} if "kl_from_uniform" in wanted else set())
    found = _expand(kappa, top_dim, top)
    length_top, complement_top = found["A"], found.get("complement")
    growth = (
        np.zeros_like(kappa) if wanted & {"phi", "kl_from_uniform"} else None
    )  # exp(Φ − Φ_top) − 1
    for m in range(top_dim - 2, dim - 1, -2):
        product = kappa * found["A"]
        if growth is not None:
            growth += product / m * (1.0 + growth)
        product += m
        rho = 1.0 / product
        if "derivative" in found:
            found["derivative"] = (m - kappa * (kappa * found["derivative"])) * (rho * rho)
        found["A"] = kappa * rho
        if "complement" in found:
            found["complement"] = np.where(
                kappa > 0.5 * m, (m - kappa * found["complement"]) * rho, 1.0 - found["A"]
            )
    if growth is not None:
        growth = np.log1p(growth)
        if "phi" in wanted:
            found["phi"] = found["phi"] + growth
        if complement_top is not None and "kl_from_uniform" in wanted:
            length = found["A"]
            gain = np.where(length > 0.5, complement_top - found["complement"], length - length_top)
            found["kl_from_uniform"] = found["kl_from_uniform"] + kappa * gain - growth
    return found


def evaluate(kappa: FloatArray, dim: int, *wanted: str) -> list[FloatArray]:
    """Return the wanted quantities at finite concentrations, one dimension at a time.

    Parameters
    ----------
    kappa : ndarray of shape (n,)
        Finite concentrations ≥ 0.
    dim : int
        Dimension ≥ 2.
    *wanted : {"phi", "A", "complement", "derivative", "kl_from_uniform"}
        Φ, A, 1 − A, A' and the divergence from the uniform distribution, κ A − Φ.

    Returns
    -------
    list of ndarray of shape (n,)
        In the order of `wanted`.
    """
    out = {name: np.empty_like(kappa) for name in wanted}
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, kappa.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            chunk = kappa[part]
            small = dim < 2 * _LARGE_ORDER + 2
            expands = chunk > _LARGE_CONCENTRATION if small else np.array([True])
            for method, mask in ((_expand, expands), (_descend, ~expands)):
                if mask.any():
                    rows = slice(None) if mask.all() else mask
                    found = method(chunk[rows], dim, set(wanted))
                    for name in wanted:
                        out[name][part][rows] = found[name]
    return list(out.values())


def evaluate_with_limit(
    kappa: FloatArray, dim: int, name: str, *, at_infinity: float
) -> FloatArray:
    """Return one quantity of `evaluate`, and its limit `at_infinity` where κ = ∞."""
    infinite = np.isinf(kappa)
    if not infinite.any():
        return evaluate(kappa, dim, name)[0]
    value = evaluate(np.where(infinite, 1.0, kappa), dim, name)[0]
    value[infinite] = at_infinity
    return value
