"""This library, through its public interface."""

from typing import Any, Literal

import numba

import sde

from .training_work import TrainingWork
from .work import DrawWork, NetworkWork, PullWork, Run

__all__ = ["in_cache", "network", "one_thread", "pull", "pull_functions", "sample", "training"]

#: Bytes of state and kept slopes that fit a core's second-level cache, and particles of a block.
CACHE, BLOCK = 1 << 18, 128


def sample() -> dict[str, Any]:
    """Draw with `StableNoise.sample`."""

    def prepare(work: DrawWork) -> Run:
        noise = sde.StableNoise(work.alpha, work.kind)

        def call() -> Any:
            numba.set_num_threads(work.threads)
            return noise.sample(work.n, work.dim)

        return Run(call)

    return {"StableNoise.sample": prepare}


def network() -> dict[str, Any]:
    """Simulate a `MeanFieldNetwork`."""
    return {"simulate": _network}


def one_thread() -> dict[str, Any]:
    """Simulate a `MeanFieldNetwork` on one thread, whatever the case says."""
    return {"simulate": lambda work: _network(work, threads=1)}


def in_cache() -> dict[str, Any]:
    """Simulate as many steps of so few particles that a thread needs nothing but its cache.

    What a step takes beyond this, it waits for memory and for other threads.
    """

    def prepare(work: NetworkWork) -> Run:
        net, noise = _system(work), _noise(work)
        n = BLOCK * max(1, CACHE // (work.theta.itemsize * (len(work.x) + net.dim) * BLOCK))
        steps = work.units // (n * work.threads)

        def call() -> Any:
            numba.set_num_threads(work.threads)
            return sde.simulate_replicates(
                net,
                noise,
                n=n,
                t1=steps * work.dt,
                dt=work.dt,
                replicates=work.threads,
                initial=work.theta[:n],
            )

        return Run(call)

    return {"a part of the particles": prepare}


def pull_functions(p: int) -> tuple[Any, Any]:
    """Return what a user writes for the mean-field Ornstein-Uhlenbeck system."""

    def position(theta: Any, out: Any) -> None:
        for c in range(p):
            out[c] = theta[c]

    def pulled(theta: Any, mean_field: Any, out: Any) -> None:
        for c in range(p):
            out[c] = mean_field[c] - theta[c]

    return position, pulled


def pull() -> dict[str, Any]:
    """Simulate the mean-field Ornstein-Uhlenbeck system."""

    def prepare(work: PullWork) -> Run:
        p = work.theta.shape[1]
        return _simulate(sde.McKeanVlasov(p, p, *pull_functions(p)), work, work.threads)

    return {"McKeanVlasov": prepare}


def _network(work: NetworkWork, threads: int | None = None) -> Run:
    return _simulate(_system(work), work, threads or work.threads)


def _system(work: NetworkWork) -> sde.MeanFieldNetwork:
    return sde.MeanFieldNetwork(work.x, work.y, feature="tanh", loss="logistic")


def _noise(work: NetworkWork | PullWork) -> sde.StableNoise:
    """Return the noise whose steps, of scale sigma dt^(1/alpha), have the work's scale."""
    return sde.StableNoise(work.alpha, "II", work.scale / work.dt ** (1 / work.alpha))


def _simulate(system: sde.System, work: NetworkWork | PullWork, threads: int) -> Run:
    noise = _noise(work)
    dtype: Literal["float32", "float64"] = "float32" if work.dtype == "float32" else "float64"

    def call() -> Any:
        numba.set_num_threads(threads)
        return sde.simulate(
            system,
            noise,
            n=len(work.theta),
            t1=work.steps * work.dt,
            dt=work.dt,
            initial=work.theta,
            dtype=dtype,
        ).theta

    return Run(call)


def training() -> dict[str, Any]:
    """Train with `train`, which also evaluates the network before and after."""

    def prepare(work: TrainingWork) -> Run:
        noise = sde.StableNoise(work.alpha, work.kind, work.sigma)

        def call() -> Any:
            numba.set_num_threads(work.threads)
            return sde.train(
                work.x,
                work.y,
                width=len(work.hidden),
                noise=noise,
                learning_rate=work.rate,
                initial=[work.hidden, work.readout],
                max_steps=work.steps,
                evaluate_every=work.steps,
            ).network.weights[0]

        return Run(call)

    return {"train": prepare}
