r"""Symmetric stable noise of Types I, II and III (section 2 of the paper).

With :math:`S` scalar symmetric stable, :math:`E e^{i\omega S} = e^{-|\omega|^\alpha}` (variance 2
at :math:`\alpha = 2`), a vector of dimension :math:`p` is

* Type I: :math:`(S, \dots, S)`;
* Type II: :math:`p` independent copies of :math:`S`;
* Type III: :math:`\sqrt{A}\,G`, :math:`G` standard normal and :math:`A` positive
  :math:`\alpha/2`-stable with :math:`E e^{-sA} = e^{-(2s)^{\alpha/2}}`, so that
  :math:`E e^{i\langle u, X\rangle} = e^{-\|u\|^\alpha}`.

Both :math:`S` and :math:`A` have the form :math:`s_2\,(E/s_3)\,(E s_1/s_3)^{-1/\alpha}` with an
exponential :math:`E` and three sines of a uniform angle (Chambers, Mallows and Stuck 1976; Kanter
1975), rearranged so that one logarithm and one exponential serve both powers and no difference
cancels: it holds at alpha = 1 and alpha = 2 as it stands.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma, gammaln, rgamma

from sde import random, validation
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    block_function,
    call_block,
    compiled,
    floats_at,
)
from sde.vmath import cos_sin_2pi, exp, log, sinpi_half

__all__ = ["KINDS", "WIDTH", "Draws", "StableNoise"]

KINDS = ("I", "II", "III")

#: Particles in a block: one row of a block is 1 KB, so a block stays in the first-level cache.
WIDTH = 128


#: Numbers of scratch space that a block function is handed.
SCRATCH = 4 * WIDTH

#: Numbers in the parameter array of a block function.
PARAMETERS = 5

#: Powers are cut at exp(600), so that no draw overflows; reached only for alpha below 1/4.
MAX_EXPONENT = 600.0


class Draws(NamedTuple):
    """What a kernel needs to draw noise: a block function and its parameters."""

    address: int
    parameters: NDArray[np.float64]
    key: np.uint64


@compiled(forceinline=True)
def symmetric(parameters: Any, key: Any, particle: Any, step: Any, index: Any) -> Any:
    """Draw one symmetric stable number."""
    alpha, inverse, offset, slope = parameters[1], parameters[2], parameters[3], parameters[4]
    a, b = random.draw(key, particle, step, index)
    sign = 1.0 - 2.0 * np.float64(a & np.uint64(1))
    v = random.half_unit(a)  # the angle is ±π(1/2 - v)
    s1 = sinpi_half(v)
    # sin(απ(1/2 - v)), folded at π/2 without cancellation
    s2 = sinpi_half(min(0.5 * alpha - alpha * v, (1.0 - 0.5 * alpha) + alpha * v))
    s3 = sinpi_half(offset + slope * v)
    ratio = -log(random.open_unit(b)) / s3
    return sign * s2 * ratio * exp(min(-inverse * log(ratio * s1), MAX_EXPONENT))


@compiled(forceinline=True)
def subordinator(parameters: Any, key: Any, particle: Any, step: Any, index: Any) -> Any:
    """Draw sqrt(A), with A positive alpha/2-stable, E exp(-sA) = exp(-(2s)^(alpha/2))."""
    half, inverse, rest = parameters[1], parameters[2], parameters[3]
    a, b = random.draw(key, particle, step, index)
    v = random.half_unit(a)
    upper = a & np.uint64(1) == np.uint64(1)  # the angle is πu, with u = 1 - v or u = v
    s1 = sinpi_half(v)
    # sin(half πu) and sin(rest πu), folded at π/2 without cancellation: half + rest = 1
    s2 = sinpi_half(min(half - half * v if upper else half * v, rest + half * v))
    s3 = sinpi_half(min(rest - rest * v if upper else rest * v, half + rest * v))
    ratio = -log(random.open_unit(b)) / s3
    return math.sqrt(2.0 * s2 * ratio * exp(min(-inverse * log(ratio * s1), MAX_EXPONENT)))


@compiled(forceinline=True)
def normal_pair(key: Any, particle: Any, step: Any, index: Any) -> tuple[Any, Any]:
    """Draw two independent standard normal numbers (Box and Muller 1958)."""
    a, b = random.draw(key, particle, step, index)
    radius = math.sqrt(-2.0 * log(random.open_unit(b)))
    cosine, sine = cos_sin_2pi(random.open_unit(a))
    return radius * cosine, radius * sine


def _make_common() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def common(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, _scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        for lane in range(WIDTH):
            particle = np.uint64(first) + np.uint64(lane)
            draw = symmetric(law, np.uint64(key), particle, np.uint64(step), np.uint64(0))
            block[lane] += law[0] * draw
        for c in range(1, dim):
            for lane in range(WIDTH):
                block[c * WIDTH + lane] = block[lane]

    return common


def _make_independent() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def independent(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, _scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        for c in range(dim):
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                draw = symmetric(law, np.uint64(key), particle, np.uint64(step), np.uint64(c))
                block[c * WIDTH + lane] += law[0] * draw

    return independent


def _make_isotropic(*, normal: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def isotropic(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        radius = floats_at(scratch, WIDTH)
        word, time = np.uint64(key), np.uint64(step)
        for lane in range(WIDTH):
            particle = np.uint64(first) + np.uint64(lane)
            if normal:
                radius[lane] = law[0] * math.sqrt(2.0)
            else:
                radius[lane] = law[0] * subordinator(law, word, particle, time, np.uint64(0))
        for pair in range(dim // 2):
            row = 2 * pair * WIDTH
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                g0, g1 = normal_pair(word, particle, time, np.uint64(pair + 1))
                block[row + lane] += radius[lane] * g0
                block[row + WIDTH + lane] += radius[lane] * g1
        if dim % 2 == 1:
            row = (dim - 1) * WIDTH
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                g0, _g1 = normal_pair(word, particle, time, np.uint64(dim // 2 + 1))
                block[row + lane] += radius[lane] * g0

    return isotropic


@functools.cache
def _sampler(kind: str, *, normal: bool) -> BlockFunction:
    """Return the block function that adds noise to a (dim, WIDTH) block; compile it once."""
    if kind == "I":
        return _make_common()
    if kind == "II":
        return _make_independent()
    return _make_isotropic(normal=normal)


def _make_fill() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=True)
    def fill(draws: Draws, steps: int, substeps: int, out: Any) -> None:
        _ = digest
        _, n, dim = out.shape
        blocks = (n + WIDTH - 1) // WIDTH
        for b in numba.prange(blocks):
            scratch = np.empty(SCRATCH)
            block = np.empty(dim * WIDTH)
            first = b * WIDTH
            for k in range(steps):
                block[:] = 0.0
                for s in range(substeps):
                    draw_block(draws, first, k * substeps + s, dim, block, scratch)
                for lane in range(min(WIDTH, n - first)):
                    for c in range(dim):
                        out[k, first + lane, c] = block[c * WIDTH + lane]

    return fill


@compiled()
def draw_block(draws: Draws, first: int, step: int, dim: int, block: Any, scratch: Any) -> None:
    """Add the noise of one step to a (dim, WIDTH) block of particles from `first` on."""
    call_block(
        draws.address,
        draws.parameters.ctypes.data,
        np.int64(draws.key),
        first,
        step,
        dim,
        block.ctypes.data,
        scratch.ctypes.data,
        0,
    )


_fill = _make_fill()


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

    def __post_init__(self) -> None:
        alpha = validation.real("alpha", self.alpha)
        if not 0 < alpha <= 2:
            raise ValueError(f"need 0 < alpha <= 2, got alpha={alpha!r}; alpha = 2 is Gaussian")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "sigma", validation.real("sigma", self.sigma, least=0.0))
        validation.known_name("kind", self.kind, KINDS)

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
        return self._fill(n, dim, 1.0, 1, 1, seed, 0, "sample")[0]

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
        frequency = np.asarray(u, dtype=np.float64)
        if frequency.ndim == 0:
            raise ValueError("need u of shape (..., dim), got a number; pass [u] for dim = 1")
        if self.kind == "I":
            power = np.abs(frequency.sum(axis=-1)) ** self.alpha
        elif self.kind == "II":
            power = (np.abs(frequency) ** self.alpha).sum(axis=-1)
        else:
            power = np.linalg.norm(frequency, axis=-1) ** self.alpha
        return np.asarray(np.exp(-(self.sigma**self.alpha) * power))

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
        alpha = self.alpha
        scale = self.sigma**alpha
        if self.kind == "III":
            log_ratio = gammaln((dim + alpha) / 2) - gammaln(dim / 2)
            return float(scale * 2**alpha * np.exp(log_ratio) * rgamma(1 - alpha / 2))
        # 2 - alpha keeps the relative accuracy of the sine near alpha = 2
        sine = math.sin(math.pi * (2 - alpha) / 2) if alpha > 1 else math.sin(math.pi * alpha / 2)
        one = 2 / math.pi * float(gamma(alpha)) * sine
        return scale * one * (dim ** (alpha / 2) if self.kind == "I" else dim)

    def step_scale(self, dt: float) -> float:
        r"""Return :math:`\sigma\,dt^{1/\alpha}`, the scale of an increment over `dt`."""
        try:
            return self.sigma * dt ** (1 / self.alpha)
        except OverflowError:
            raise ValueError(
                f"need sigma * dt**(1/alpha) below 1e308, got sigma={self.sigma!r}, dt={dt!r}, "
                f"alpha={self.alpha!r}; use a smaller step"
            ) from None

    def draws(self, dt: float, seed: int, replicate: int, stream: str = "noise") -> Draws:
        """Return what a kernel needs to draw increments over `dt`."""
        seed = validation.count("seed", seed, least=0, most=2**64 - 1)
        replicate = validation.count("replicate", replicate, least=0, most=2**64 - 1)
        alpha, scale = self.alpha, self.step_scale(dt)
        if self.kind == "III":
            half = alpha / 2
            law = [scale, half, 1 / half, 1 - half, 0.0]
        else:
            # cos((1 - alpha)U) as the sine of π(offset + slope v)
            offset = (2 - alpha) / 2 if alpha > 1 else alpha / 2
            law = [scale, alpha, 1 / alpha, offset, abs(alpha - 1)]
        sampler = _sampler(self.kind, normal=self.kind == "III" and alpha == 2)
        key = random.stream_key(seed, replicate, stream)
        return Draws(sampler.address, np.array(law), key)

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
        steps, substeps = validation.count("steps", steps), validation.count("substeps", substeps)
        draws = self.draws(dt / substeps, seed, replicate, stream)
        out = np.empty((steps, n, dim))
        _fill(draws, steps, substeps, out)
        return out
