"""JAX: one compiled loop (`jit`, `scan`), in double precision where the work is.

XLA has no option for its number of threads: it takes one for every core that the process may run
on, and the command holds the process to as many cores as threads.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .peers_numpy import half_pi
from .work import NetworkWork, Run

__all__ = ["network"]

jax.config.update("jax_enable_x64", True)


def network() -> dict[str, Any]:
    """Simulate the network, by two generators and with particles in rows or in columns."""
    return {
        f"{generator}, {layout}": _variant(generator, layout)
        for generator in ("threefry2x32", "rbg")
        for layout in ("rows", "columns")
    }


def _variant(generator: str, layout: str) -> Any:
    def prepare(work: NetworkWork) -> Run:
        dtype = work.dtype
        x, y = jnp.asarray(work.x, dtype), jnp.asarray(work.y, dtype)
        drift = _row_drift if layout == "rows" else _column_drift
        theta = jnp.asarray(work.theta if layout == "rows" else work.theta.T)
        dt, scale = dtype.type(work.dt), dtype.type(work.scale)

        def step(theta: Any, key: Any) -> Any:
            noise = _stable(key, work.alpha, theta.shape, dtype)
            return theta + dt * drift(theta, x, y) + scale * noise, None

        loop = jax.jit(lambda theta, keys: jax.lax.scan(step, theta, keys)[0])
        keys = jax.random.split(jax.random.key(0, impl=generator), work.steps)
        return Run(
            lambda: loop(theta, keys).block_until_ready(),
            np.asarray if layout == "rows" else np.transpose,
        )

    return prepare


def _row_drift(theta: Any, x: Any, y: Any) -> Any:
    h = jnp.tanh(theta @ x.T)
    weights = y * jax.nn.sigmoid(-y * h.mean(axis=0)) / len(y)
    return ((1 - h * h) * weights) @ x


def _column_drift(theta: Any, x: Any, y: Any) -> Any:
    h = jnp.tanh(x @ theta)
    weights = y * jax.nn.sigmoid(-y * h.mean(axis=1)) / len(y)
    return x.T @ ((1 - h * h) * weights[:, None])


def _stable(key: Any, alpha: float, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return stable numbers by the transform with one power (see `peers_numpy`)."""
    first, second = jax.random.split(key)
    bound = half_pi(dtype)
    angle = jax.random.uniform(first, shape, dtype, -bound, bound)
    # not jax.random.exponential: it does give zeros in float32, and 0 * inf is no number
    tiny = np.finfo(dtype).tiny
    e = -jnp.log(jax.random.uniform(second, shape, dtype, tiny, 1.0))
    e = e / jnp.cos((1 - alpha) * angle)
    # a logarithm and an exponential take less time than XLA's power
    return jnp.sin(alpha * angle) * e * jnp.exp(jnp.log(e * jnp.cos(angle)) * (-1 / alpha))
