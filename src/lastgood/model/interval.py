"""Bounds for a share that stay valid however often one looks.

A plain confidence interval is meant for one look; who looks every few seconds and acts on the
first bound that lies beyond a threshold is wrong far more often than its level says. These bounds
hold for all looks together.

Source: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41 (1970), on mixtures of likelihood ratios; confidence sequences by them
in S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", Annals of Statistics 49 (2021), arXiv 1810.08240; bounded means in
I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting" (2024).
The continued fraction is that of the NIST Digital Library of Mathematical Functions, 8.17.22,
evaluated by the method of Lentz as modified by Thompson and Barnett.
"""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p

_HALVINGS = 60
_MOST_TERMS = 100_000
_PRECISION = 1e-14
_TINY = 1e-300


def anytime_interval(failed: int, n: int, alpha: float = 0.01) -> tuple[float, float]:
    """The lower and the upper bound of a share, each one-sided at `alpha`.

    The chance that the lower bound ever, at any of all looks, lies above the true share is at most
    `alpha`; likewise for the upper bound below it. With nothing seen nothing is excluded.

    Args:
        failed: how many of those seen were affected.
        n: how many were seen.
        alpha: the chance of ever being wrong, on each side.

    Raises:
        ValueError: there cannot be such counts, or alpha is no chance.
    """
    if not 0 <= failed <= n:
        raise ValueError(f"{failed} of {n} is no share")
    if not 0 < alpha < 1:
        raise ValueError(f"{alpha} is no chance")
    return _lower(failed, n, alpha), 1.0 - _lower(n - failed, n, alpha)


def _lower(failed: int, n: int, alpha: float) -> float:
    """The largest share that the evidence excludes from below."""
    if failed == 0:
        return 0.0
    low, high = 0.0, failed / n
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if log_evidence(failed, n, middle) >= -log(alpha):
            low = middle
        else:
            high = middle
    return low


def log_evidence(failed: int, n: int, share: float) -> float:
    """The logarithm of the evidence that the true share is above `share`.

    The likelihood ratio against `share`, averaged evenly over all larger shares. While the true
    share is not above it, the ratio is a supermartingale that starts at 1: by Ville's inequality
    it ever reaches 1/alpha with a chance of at most alpha.
    """
    if not 0 < share < 1:
        return inf if share <= 0 and failed else 0.0
    beta = lgamma(failed + 1) + lgamma(n - failed + 1) - lgamma(n + 2)
    above = log_beta_tail(failed + 1, n - failed + 1, share)
    likelihood = failed * log(share) + (n - failed) * log1p(-share)
    return beta + above - log1p(-share) - likelihood


def log_beta_tail(a: float, b: float, x: float) -> float:
    """The logarithm of the chance that a Beta(a, b) quantity lies above x (0 < x < 1)."""
    scale = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    if x < (a + 1) / (a + b + 2):
        below = exp(scale - log(a)) * _fraction(a, b, x)
        return log1p(-min(below, 1.0 - _PRECISION))
    return scale - log(b) + log(_fraction(b, a, 1.0 - x))


def _fraction(a: float, b: float, x: float) -> float:
    """The incomplete beta function's continued fraction; converges fast for x < a / (a + b)."""
    numerator = 1.0
    denominator = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1.0 / _away_from_zero(1.0 + even * denominator)
        numerator = _away_from_zero(1.0 + even / numerator)
        value *= denominator * numerator
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        denominator = 1.0 / _away_from_zero(1.0 + odd * denominator)
        numerator = _away_from_zero(1.0 + odd / numerator)
        step = denominator * numerator
        value *= step
        if abs(step - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
