"""Moments of the noise that explicit constants need."""

from scipy import special

import sde
from theory_checks.validation import real

__all__ = ["norm_moment"]


def norm_moment(noise: sde.StableNoise, dim: int, order: float) -> float:
    r"""Return E‖σ L_1‖^r: exactly for Types I and III, an upper bound for Type II.

    Parameters
    ----------
    noise : StableNoise
        With alpha < 2.
    dim : int
        Dimension p of a particle.
    order : float
        The exponent r, 0 < r < alpha.

    Raises
    ------
    ValueError
        If the moment is infinite.

    Notes
    -----
    Type III is √A G with G normal and A positive α/2-stable, whose moments are known:

        E‖X‖^r = 2^r Γ((p + r)/2) Γ(1 - r/α) / (Γ(p/2) Γ(1 - r/2)).

    At p = 1 all types agree; Type I has the norm √p |S|. For Type II, ‖X‖^r <= Σ_c |X_c|^r as
    r < 2, which gives p E|S|^r.

    Examples
    --------
    >>> import math
    >>> round(norm_moment(sde.StableNoise(1.5, "I"), 1, 1.0), 9) == round(
    ...     2 * math.gamma(1 / 3) / math.pi, 9
    ... )
    True
    """
    r = real("order", order, above=0, below=noise.alpha)
    radial = dim if noise.kind == "III" else 1
    one = 2**r * special.gamma((radial + r) / 2) * special.gamma(1 - r / noise.alpha)
    one /= special.gamma(radial / 2) * special.gamma(1 - r / 2)
    factor = {"I": dim ** (r / 2), "II": float(dim), "III": 1.0}[noise.kind]
    return float(factor * one * noise.sigma**r)
