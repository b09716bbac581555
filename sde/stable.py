r"""Symmetric stable noise of Types I, II and III (section 2 of the paper).

With :math:`S` scalar symmetric stable, :math:`E e^{i\omega S} = e^{-|\omega|^\alpha}` (variance 2
at :math:`\alpha = 2`), a vector of dimension :math:`p` is

* Type I: :math:`(S, \dots, S)`;
* Type II: :math:`p` independent copies of :math:`S`;
* Type III: :math:`\sqrt{A}\,G`, :math:`G` standard normal and :math:`A` positive
  :math:`\alpha/2`-stable with :math:`E e^{-sA} = e^{-(2s)^{\alpha/2}}`, so that
  :math:`E e^{i\langle u, X\rangle} = e^{-\|u\|^\alpha}`.

How they are drawn is in `sde.sampling`.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma, gammaln, rgamma

from sde import random, validation
from sde.increments import fill
from sde.sampling import KINDS, Draws, sampler, sampler_parameters

__all__ = ["StableNoise"]


@dataclass(frozen=True)
class StableNoise:
    r"""Increments of a symmetric stable Lévy process :math:`\sigma L_t` of one of three types.

    Parameters
    ----------
    alpha : float
        Stability index, 0 < alpha <= 2. At 2 the noise is Gaussian with variance 2 a coordinate.
    kind : {"I", "II", "III"}
        All coordinates equal, independent coordinates, or rotationally invariant.
    sigma : float
        Scale, at least 0.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of its range.

    Notes
    -----
    A draw is a pure function of (seed, replicate, particle, step, coordinate). Hence a particle's
    noise depends neither on the number of threads nor on the number of particles.

    Examples
    --------
    >>> noise = StableNoise(alpha=1.5, kind="II")
    >>> few, many = noise.sample(3, 2, seed=7), noise.sample(1000, 2, seed=7)
    >>> bool((few == many[:3]).all())
    True
    """

    alpha: float
    kind: str
    sigma: float = 1.0

    kinds: ClassVar[tuple[str, ...]] = KINDS

    def __post_init__(self) -> None:
        alpha = validation.real("alpha", self.alpha)
        if not 0 < alpha <= 2:
            raise ValueError(f"need 0 < alpha <= 2, got alpha={alpha!r}; alpha = 2 is Gaussian")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "sigma", validation.real("sigma", self.sigma, least=0.0))
        validation.known_name("kind", self.kind, self.kinds)

    def sample(self, n: int, dim: int, *, seed: int = 0) -> NDArray[np.float64]:
        r"""Draw n independent copies of :math:`\sigma L_1`, from a stream of their own.

        Parameters
        ----------
        n, dim : int
            Number of copies and their dimension.
        seed : int
            From 0 to 2^64 - 1.

        Returns
        -------
        (n, dim) float64 array

        Examples
        --------
        >>> StableNoise(2.0, "III").sample(4, 3).shape
        (4, 3)
        """
        (draws,) = self._fill(n, dim, 1.0, 1, 1, seed, 0, "sample")
        return np.asarray(draws)

    def increments(
        self,
        n: int,
        dim: int,
        dt: float,
        steps: int,
        *,
        substeps: int = 1,
        seed: int = 0,
        replicate: int = 0,
    ) -> NDArray[np.float64]:
        r"""Draw what `simulate` adds: the increments of :math:`\sigma L` over consecutive steps.

        Parameters
        ----------
        n, dim : int
            Number of particles and their dimension.
        dt : float
            Time step.
        steps : int
            Number of steps.
        substeps : int
            The noise is drawn on the grid `dt / substeps` and summed, in order of time. Hence
            increments of size `dt` are the exact floating-point sums of those of size
            `dt / substeps`.
        seed, replicate : int
            From 0 to 2^64 - 1.

        Returns
        -------
        (steps, n, dim) float64 array

        Examples
        --------
        >>> noise = StableNoise(1.2, "II")
        >>> fine = noise.increments(5, 1, 0.25, 2)
        >>> coarse = noise.increments(5, 1, 0.5, 1, substeps=2)
        >>> bool((fine[0] + fine[1] == coarse[0]).all())
        True
        """
        dt = validation.positive("dt", dt)
        return self._fill(n, dim, dt, steps, substeps, seed, replicate, "noise")

    def characteristic_function(self, u: ArrayLike) -> NDArray[np.float64]:
        r"""Return :math:`E e^{i\langle u, \sigma L_1\rangle}` (section 2 of the paper).

        Parameters
        ----------
        u : (..., dim) array_like
            Frequencies.

        Returns
        -------
        (...) float64 array
            Real, because the law is symmetric.

        Examples
        --------
        >>> float(StableNoise(1.0, "I").characteristic_function([0.5, 0.5]))  # exp(-1)
        0.36787944117144233
        """
        with np.errstate(over="ignore"):  # exp(-inf) is 0, as it should be
            return np.asarray(np.exp(-self.exponent(u)))

    def exponent(self, u: ArrayLike) -> NDArray[np.float64]:
        r"""Return :math:`-\log E e^{i\langle u, \sigma L_1\rangle}`, which grows linearly in time.

        Parameters
        ----------
        u : (..., dim) array_like
            Frequencies.

        Returns
        -------
        (...) float64 array
            Infinite where it overflows.

        Examples
        --------
        >>> StableNoise(1.0, "II").exponent([0.5, -0.5]).tolist()
        1.0
        """
        frequency = validation.real_array("u", u, (..., "dim"))
        self.require_dimension(frequency.shape[-1])
        with np.errstate(over="ignore"):
            return self._power(frequency)

    def _power(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kind == "I":
            power = np.abs(self.sigma * frequency.sum(axis=-1)) ** self.alpha
        elif self.kind == "II":
            power = (np.abs(self.sigma * frequency) ** self.alpha).sum(axis=-1)
        else:
            power = np.linalg.norm(self.sigma * frequency, axis=-1) ** self.alpha
        return np.asarray(power)

    def tail_constant(self, dim: int) -> float:
        r"""Return :math:`\lim_{x\to\infty} x^\alpha P(\|\sigma L_1\| > x)`.

        Type I: :math:`p^{\alpha/2} c_\alpha`; Type II: :math:`p\,c_\alpha`, because one
        coordinate is large at a time; Type III:
        :math:`2^\alpha \Gamma((p+\alpha)/2) / (\Gamma(p/2)\Gamma(1-\alpha/2))`; with
        :math:`c_\alpha = (2/\pi)\Gamma(\alpha)\sin(\pi\alpha/2)` (Samoradnitsky and Taqqu 1994,
        Property 1.2.15), each times :math:`\sigma^\alpha`.

        Parameters
        ----------
        dim : int
            Dimension p.

        Returns
        -------
        float
            Zero at alpha = 2, where the tail is Gaussian.

        Examples
        --------
        >>> round(StableNoise(1.0, "II").tail_constant(1), 12)  # Cauchy: 2/π
        0.636619772368
        """
        dim = validation.count("dim", dim)
        self.require_dimension(dim)
        alpha = self.alpha
        scale = self._power_of_scale()
        if self.kind == "III":
            log_ratio = gammaln((dim + alpha) / 2) - gammaln(dim / 2)
            return float(scale * 2**alpha * np.exp(log_ratio) * rgamma(1 - alpha / 2))
        # 2 - alpha keeps the relative accuracy of the sine near alpha = 2
        sine = math.sin(math.pi * (2 - alpha) / 2) if alpha > 1 else math.sin(math.pi * alpha / 2)
        one = 2 / math.pi * float(gamma(alpha)) * sine
        constant = scale * one * self._size(dim)
        if constant == math.inf:
            raise self._too_large()
        return constant

    def _size(self, dim: int) -> float:
        """Return how much more often a vector is large than a scalar draw."""
        return float(dim ** (self.alpha / 2) if self.kind == "I" else dim)

    def require_dimension(self, dim: int) -> None:
        """Refuse particles of a dimension that the noise does not have: here, none is refused."""

    def _power_of_scale(self) -> float:
        try:
            return float(self.sigma**self.alpha)
        except OverflowError:
            raise self._too_large() from None

    def _too_large(self) -> ValueError:
        return ValueError(
            f"need a tail constant, which grows with sigma**alpha, below 1e308, got sigma="
            f"{self.sigma!r}, alpha={self.alpha!r}; measure the state in a larger unit"
        )

    def step_scale(self, dt: float) -> float:
        r"""Return :math:`\sigma\,dt^{1/\alpha}`, the scale of an increment over `dt`."""
        try:
            scale = float(self.sigma * dt ** (1 / self.alpha))
        except OverflowError:
            scale = math.inf if self.sigma > 0 else 0.0
        if scale == math.inf:
            raise ValueError(
                f"need sigma * dt**(1/alpha) below 1e308, got sigma={self.sigma!r}, dt={dt!r}, "
                f"alpha={self.alpha!r}; use a smaller step"
            )
        return scale

    def draws(self, dt: float, seed: int, replicate: int, stream: str = "noise") -> Draws:
        """Return what a kernel needs to draw increments over `dt`."""
        seed = validation.count("seed", seed, least=0, most=2**64 - 1)
        replicate = validation.count("replicate", replicate, least=0, most=2**64 - 1)
        parameters = sampler_parameters(self.kind, self.alpha, self.step_scale(dt))
        block = sampler(self.kind, self.alpha)
        key = random.stream_key(seed, replicate, stream)
        return Draws(block.address, parameters, key, self.kind in KINDS)

    def _fill(
        self,
        n: int,
        dim: int,
        dt: float,
        steps: int,
        substeps: int,
        seed: int,
        replicate: int,
        stream: str,
    ) -> NDArray[np.float64]:
        n, dim = validation.count("n", n), validation.count("dim", dim, most=random.MAX_DRAWS // 2)
        self.require_dimension(dim)
        steps = validation.count("steps", steps, most=random.MAX_STEPS)
        substeps = validation.count("substeps", substeps, most=random.MAX_STEPS // steps)
        draws = self.draws(dt / substeps, seed, replicate, stream)
        out = np.empty((steps, n, dim))
        fill(draws, substeps, self.kind == "I", out)
        return out
