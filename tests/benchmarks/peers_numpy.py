r"""NumPy, with operations in place, and arrays that fit the cache where that pays.

The stable numbers of all peers are those of Chambers, Mallows and Stuck (1976), arranged so that
one power is enough: with :math:`v` uniform in (-π/2, π/2), :math:`e` exponential and
:math:`c = \cos((1-\alpha)v)`, :math:`\sin(\alpha v)\,(e/c)\,(e\cos(v)/c)^{-1/\alpha}`.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from .training_work import TrainingWork
from .work import DrawWork, NetworkWork, PullWork, Run

__all__ = ["half_pi", "network", "products", "pull", "sample", "training_products"]

#: Numbers in an array of the variants that work piece by piece: three such arrays of doubles
#: take 96 KB, a part of any second-level cache.
PIECE = 4096


def half_pi(dtype: Any) -> Any:
    """Return a number of a type just below π/2, where the cosine is still positive."""
    kind = np.dtype(dtype).type
    return np.nextafter(kind(np.pi / 2), kind(0))


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _blas_threads(threads: int) -> AbstractContextManager[Any]:
    """Hold BLAS to a number of threads; works that call it require what this needs."""
    if find_spec("threadpoolctl") is None:
        return nullcontext()
    held: AbstractContextManager[Any] = _controller().limit(limits=threads)
    return held


class _Stable:
    """Stable numbers, written to an array with the help of three others of its size."""

    def __init__(self, alpha: float, shape: tuple[int, ...], dtype: Any, seed: int) -> None:
        self.rng = np.random.Generator(np.random.SFC64(seed))
        self.alpha, self.dtype = alpha, np.dtype(dtype)
        self.width = 2 * half_pi(dtype)
        self.angle, self.e, self.c = (np.empty(shape, dtype) for _ in range(3))

    def fill(self, out: Any) -> None:
        """Write stable numbers to `out`, of at most the size of the arrays held."""
        k = len(out)
        angle, e, c = self.angle[:k], self.e[:k], self.c[:k]
        self.rng.random(dtype=self.dtype.type, out=angle)
        self.rng.standard_exponential(dtype=self.dtype.type, out=e)
        if self.dtype == np.float32:  # it does give zeros, and 0 * inf is no number
            np.maximum(e, np.finfo(np.float32).tiny, out=e)
        angle -= 0.5
        angle *= self.width
        np.multiply(angle, 1 - self.alpha, out=c)
        np.cos(c, out=c)
        e /= c
        np.multiply(angle, self.alpha, out=out)
        np.sin(out, out=out)
        out *= e
        np.cos(angle, out=angle)
        e *= angle
        # in less time than np.power
        np.log(e, out=e)
        e *= -1 / self.alpha
        np.exp(e, out=e)
        out *= e


def sample() -> dict[str, Any]:
    """Draw numbers by the transform, all at once or piece by piece."""

    def whole(work: DrawWork) -> Run:
        stable = _Stable(work.alpha, (work.n,), "float64", 0)

        def call() -> Any:
            out = np.empty(work.n)
            stable.fill(out)
            return out

        return Run(call, lambda out: out[:, None])

    def pieces(work: DrawWork) -> Run:
        stable = _Stable(work.alpha, (PIECE,), "float64", 0)

        def call() -> Any:
            out = np.empty(work.n)
            for start in range(0, work.n, PIECE):
                stable.fill(out[start : start + PIECE])
            return out

        return Run(call, lambda out: out[:, None])

    return {"whole arrays": whole, "pieces": pieces}


class _TanhNetwork:
    """The steps of a part of the particles; `observe` returns the sums that all parts share."""

    FACTOR: ClassVar[int] = 1  # of what the feature is taken of
    WEIGHT: ClassVar[int] = 1  # of what `slope` leaves

    def __init__(self, work: NetworkWork, part: slice, seed: int) -> None:
        self.start = work.theta[part]
        (n, p), m, dtype = self.start.shape, len(work.x), work.dtype
        self.dt, self.scale = dtype.type(work.dt), dtype.type(work.scale)
        self.x = np.ascontiguousarray(work.x, dtype)
        self.forward = np.ascontiguousarray(self.FACTOR * self.x.T)
        self.h, self.spare = np.empty((2, n, m), dtype)
        self.theta, self.change = np.empty((2, n, p), dtype)
        self.stable = _Stable(work.alpha, (n, p), dtype, seed)

    def reset(self) -> None:
        """Go back to the start."""
        self.theta[:] = self.start

    def observe(self) -> Any:
        """Return the sums of the features."""
        np.matmul(self.theta, self.forward, out=self.h)
        return self.feature()

    def feature(self) -> Any:
        """Turn products into tanh in place; return the sums."""
        np.tanh(self.h, out=self.h)
        return self.h.sum(axis=0)

    def slope(self) -> None:
        """Turn tanh into its derivative in place."""
        self.h *= self.h
        np.subtract(1, self.h, out=self.h)

    def move(self, weights: Any) -> None:
        """Take a step, given what every datum pulls with."""
        self.slope()
        self.h *= self.WEIGHT * weights
        np.matmul(self.h, self.x, out=self.change)
        self.change *= self.dt
        self.theta += self.change
        self.stable.fill(self.change)
        self.change *= self.scale
        self.theta += self.change


class _LogisticNetwork(_TanhNetwork):
    """The same with tanh a = 1 - 2q, q = 1 / (1 + e^(2a)): faster where NumPy's tanh is scalar."""

    FACTOR, WEIGHT = 2, 4

    def feature(self) -> Any:
        """Turn twice the products into q; return the sums of tanh."""
        with np.errstate(over="ignore"):  # 1 / inf is 0, as it should be
            np.exp(self.h, out=self.h)
        self.h += 1
        np.reciprocal(self.h, out=self.h)
        return len(self.h) - 2 * self.h.sum(axis=0)

    def slope(self) -> None:
        """Turn q into q (1 - q), a quarter of the derivative; `move` has weights times four."""
        np.subtract(1, self.h, out=self.spare)
        self.h *= self.spare


class _Pull:
    """The same for the mean-field Ornstein-Uhlenbeck system."""

    def __init__(self, work: PullWork, part: slice, seed: int) -> None:
        self.start = work.theta[part]
        self.dt, self.scale = work.dt, work.scale
        self.theta, self.change = np.empty((2, *self.start.shape))
        self.stable = _Stable(work.alpha, self.start.shape, "float64", seed)

    def reset(self) -> None:
        """Go back to the start."""
        self.theta[:] = self.start

    def observe(self) -> Any:
        """Return the sums of the positions."""
        return self.theta.sum(axis=0)

    def move(self, target: Any) -> None:
        """Take a step towards dt times the mean."""
        self.theta *= 1 - self.dt
        self.theta += target
        self.stable.fill(self.change)
        self.change *= self.scale
        self.theta += self.change


def _steps(work: Any, parts: list[Any], weights: Any, each: Any) -> Any:
    """Take all steps; `each(function, arguments)` runs a function for every part."""
    each(lambda part: part.reset(), parts)
    n = len(work.theta)
    sums = each(lambda part: part.observe(), parts)
    for _ in range(work.steps):
        pull = weights(sum(sums) / n)

        def advance(part: Any, pull: Any = pull) -> Any:
            part.move(pull)
            return part.observe()

        sums = each(advance, parts)
    return [part.theta for part in parts]


def _run(work: Any, kind: Any, weights: Any, size: int, workers: int) -> Run:
    """Prepare steps over parts of some size, on a number of Python threads."""
    starts = range(0, len(work.theta), size)
    parts = [kind(work, slice(start, start + size), start) for start in starts]
    pool = ThreadPoolExecutor(workers) if workers > 1 else None
    each = pool.map if pool else map

    def call() -> Any:
        # BLAS has the threads that Python leaves
        with _blas_threads(max(1, work.threads // workers)):
            return _steps(work, parts, weights, lambda f, items: list(each(f, items)))

    return Run(call, np.concatenate)


def network() -> dict[str, Any]:
    """Simulate the network: BLAS has the threads, or pieces that fit the cache are shared out."""

    def weights(work: NetworkWork) -> Any:
        y = work.y.astype(work.dtype)
        return lambda mu: y / (1 + np.exp(y * mu)) / len(y)

    def whole(work: NetworkWork, kind: Any) -> Run:
        return _run(work, kind, weights(work), len(work.theta), 1)

    def pieces(work: NetworkWork, kind: Any) -> Run:
        size = max(128, 16 * PIECE // max(len(work.x), work.theta.shape[1]))
        return _run(work, kind, weights(work), size, work.threads)

    return {
        f"{arrays}, {how}": partial(function, kind=kind)
        for arrays, function in (("whole arrays", whole), ("pieces on threads", pieces))
        for how, kind in (("tanh", _TanhNetwork), ("exp", _LogisticNetwork))
    }


def pull() -> dict[str, Any]:
    """Simulate the mean-field Ornstein-Uhlenbeck system."""

    def whole(work: PullWork) -> Run:
        return _run(work, _Pull, lambda mu: work.dt * mu, len(work.theta), 1)

    def pieces(work: PullWork) -> Run:
        return _run(work, _Pull, lambda mu: work.dt * mu, 2 * PIECE, work.threads)

    return {"whole arrays": whole, "pieces on threads": pieces}


def products() -> dict[str, Any]:
    """Multiply only: the two matrix products of a step."""

    def prepare(work: NetworkWork) -> Run:
        theta = np.ascontiguousarray(work.theta)
        x, transposed = work.x, np.ascontiguousarray(work.x.T)
        h, change = np.empty((len(theta), len(x))), np.empty_like(theta)

        def call() -> Any:
            with _blas_threads(work.threads):
                for _ in range(work.steps):
                    np.matmul(theta, transposed, out=h)
                    np.matmul(h, x, out=change)
            return change

        return Run(call)

    return {"NumPy": prepare}


def training_products() -> dict[str, Any]:
    """Multiply only: the two large products of a step of training."""

    def prepare(work: TrainingWork) -> Run:
        features = np.empty((len(work.x), len(work.hidden)), np.float32)
        gradient = np.empty_like(work.hidden)

        def call() -> Any:
            with _blas_threads(work.threads):
                for _ in range(work.steps):
                    np.matmul(work.x, work.hidden.T, out=features)
                    np.matmul(features.T, work.x, out=gradient)
            return gradient

        return Run(call)

    return {"NumPy": prepare}
