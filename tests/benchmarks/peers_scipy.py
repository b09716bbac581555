"""scipy: vectors of stable noise made of `levy_stable.rvs`, as its user would."""

from typing import Any

import numpy as np
from scipy.stats import levy_stable

from .work import DrawWork, Run

__all__ = ["sample", "sampler"]


def sample() -> dict[str, Any]:
    """Draw numbers, or vectors of the three types."""
    return {"levy_stable.rvs": lambda work: Run(sampler(work))}


def sampler(work: DrawWork) -> Any:
    """Return a function that draws the vectors of a work."""
    alpha, n, dim = work.alpha, work.n, work.dim
    rng = np.random.Generator(np.random.SFC64(0))

    def common() -> Any:
        draws = levy_stable.rvs(alpha, 0, size=(n, 1), random_state=rng)
        return np.repeat(draws, dim, axis=1)

    def independent() -> Any:
        return levy_stable.rvs(alpha, 0, size=(n, dim), random_state=rng)

    # E exp(-sA) = exp(-scale^(a) s^a / cos(πa/2)) for rvs(a, 1), a = alpha/2; this scale makes it
    # exp(-(2s)^a), so that sqrt(A) times a standard normal vector has scale 1
    scale = 2 * np.cos(np.pi * alpha / 4) ** (2 / alpha)

    def isotropic() -> Any:
        a = levy_stable.rvs(alpha / 2, 1, scale=scale, size=(n, 1), random_state=rng)
        vectors = rng.standard_normal((n, dim))
        vectors *= np.sqrt(a)
        return vectors

    return {"I": common, "II": independent, "III": isotropic}[work.kind]
