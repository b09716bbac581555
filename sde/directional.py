r"""Stable noise along directions of your own: every symmetric stable law, as closely as you like.

A symmetric stable vector is determined by its spectral measure on the sphere (Samoradnitsky and
Taqqu 1994, Theorem 2.4.3): how much it jumps in which direction. Here the measure sits on finitely
many directions, and such measures are dense in all.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sde import random, validation
from sde.sampling import Draws
from sde.scalar_draws import in_line
from sde.stable import StableNoise

__all__ = ["DirectionalNoise"]

#: Largest coordinate of a direction: products with it and sums of them do not overflow.
LARGEST = 1e100


@dataclass(frozen=True)
class DirectionalNoise(StableNoise):
    r"""Increments of :math:`\sigma \sum_i L^i_t d_i`, with independent scalar stable :math:`L^i`.

    A jump is along one of the directions :math:`d_i`, and large ones are as frequent as
    :math:`\|d_i\|^\alpha`. One direction :math:`(1, \dots, 1)` gives Type I, the unit vectors give
    Type II. It can be used wherever a `StableNoise` can, but for training of networks.

    Parameters
    ----------
    alpha : float
        Stability index, 0 < alpha <= 2.
    sigma : float
        Scale, at least 0.
    directions : (k, dim) array_like
        One row a direction, of any length; `dim` is the dimension of a particle.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of its range, or, where the noise is used, if
        the dimension is another.

    Notes
    -----
    Draws and their guarantees are those of `StableNoise`, with the direction's number in place of
    the coordinate's. The characteristic function is
    :math:`\exp(-\sum_i |\sigma \langle u, d_i\rangle|^\alpha)`.

    Examples
    --------
    >>> import sde
    >>> cross = sde.DirectionalNoise(1.5, directions=[[1, 1], [0.5, -0.5]])  # mostly together
    >>> system = sde.MeanFieldNetwork([[1.0, 0.5]], [1])
    >>> sde.simulate(system, cross, n=100, t1=1, dt=1 / 4).theta.shape
    (100, 2)
    """

    kind: str = field(default="directions", init=False, repr=False)
    directions: tuple[tuple[float, ...], ...] = field(kw_only=True)

    kinds: ClassVar[tuple[str, ...]] = ("directions",)

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = validation.real_array("directions", self.directions, ("k", "dim"))
        if (largest := np.abs(rows).max()) > LARGEST:
            raise ValueError(
                f"need directions with coordinates up to {LARGEST:g}, got {largest:g}; leave the "
                "scale to sigma"
            )
        validation.count("number of directions", len(rows), most=random.MAX_DRAWS // 2)
        object.__setattr__(self, "directions", tuple(map(tuple, rows.tolist())))

    def require_dimension(self, dim: int) -> None:
        """Refuse particles of another dimension than that of the directions."""
        own = len(self.directions[0])
        if dim != own:
            raise ValueError(
                f"need directions of dimension {dim}, that of a particle, got rows of {own}; give "
                "one row a direction, one column a coordinate"
            )

    def draws(self, dt: float, seed: int, replicate: int, stream: str = "noise") -> Draws:
        """Return what a kernel needs to draw increments over `dt`."""
        scalar = super().draws(dt, seed, replicate, stream)
        if self.step_scale(dt) * float(np.abs(self.directions).max()) == np.inf:
            raise ValueError(
                f"need sigma * dt**(1/alpha) times the directions below 1e308, got sigma="
                f"{self.sigma!r}, dt={dt!r}; use a smaller scale or step"
            )
        rows = [len(self.directions), *np.ravel(self.directions)]
        return scalar._replace(parameters=in_line(scalar.parameters, rows))

    def _power(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        # the size apart, so that no sum overflows before it is a power
        size = np.maximum(1.0, np.abs(frequency).max(axis=-1, keepdims=True))
        along = self.sigma * (frequency / size @ np.transpose(self.directions))
        return np.asarray((np.abs(along * size) ** self.alpha).sum(axis=-1))

    def _size(self, _dim: int) -> float:
        lengths = np.linalg.norm(self.directions, axis=1)
        return float((lengths**self.alpha).sum())
