r"""PyTorch on the CPU: operations in place, or compiled by `torch.compile`.

What its vector code does slowly is left out: with :math:`s = \mathrm{sigmoid}(2a)`, tanh is
:math:`2s - 1` and its derivative :math:`4\,(s - s^2)`; a power is a logarithm and an exponential;
`exponential_` is the logarithm of a uniform number.
"""

from functools import cache
from typing import Any

import torch

from .peers_numpy import half_pi
from .peers_scipy import sampler
from .training_work import TrainingWork
from .work import DrawWork, NetworkWork, Run

__all__ = ["network", "products", "training"]


def network() -> dict[str, Any]:
    """Simulate the network, eagerly (particles in rows or columns) or compiled."""
    return {
        "eager, rows": lambda work: _eager(work, columns=False),
        "eager, columns": lambda work: _eager(work, columns=True),
        "compiled": _compiled,
    }


def products() -> dict[str, Any]:
    """Multiply only: the two matrix products of a step."""
    return {"PyTorch": _products}


def _tensors(work: NetworkWork) -> tuple[Any, Any, Any]:
    theta, x, y = (torch.tensor(a.astype(work.dtype)) for a in (work.theta, work.x, work.y))
    return theta, x, y


def _eager(work: NetworkWork, *, columns: bool) -> Run:
    start, x, y = _tensors(work)
    twice, transposed, twice_transposed = 2 * x, x.T.contiguous(), 2 * x.T.contiguous()
    if columns:
        start = start.T.contiguous()
    theta, change = torch.empty_like(start), torch.empty_like(start)
    n, m = len(work.theta), len(y)
    h = torch.empty((m, n) if columns else (n, m), dtype=start.dtype)
    stable = _Stable(work.alpha, start)

    def step() -> None:
        torch.mm(*((twice, theta) if columns else (theta, twice_transposed)), out=h)
        h.sigmoid_()
        mean_field = 2 * h.mean(1 if columns else 0) - 1
        weights = y * torch.sigmoid(-y * mean_field) * (4 * work.dt / m)
        h.addcmul_(h, h, value=-1).mul_(weights[:, None] if columns else weights)
        theta.addmm_(*((transposed, h) if columns else (h, x)))
        theta.add_(stable.fill(change), alpha=work.scale)

    def call() -> Any:
        torch.set_num_threads(work.threads)
        with torch.inference_mode():
            theta.copy_(start)
            for _ in range(work.steps):
                step()
        return theta

    return Run(call, lambda theta: theta.T.numpy() if columns else theta.numpy())


class _Stable:
    """Stable numbers by the transform with one power (see `peers_numpy`)."""

    def __init__(self, alpha: float, like: Any) -> None:
        self.alpha = alpha
        self.bound = float(half_pi(str(like.dtype).removeprefix("torch.")))
        self.tiny = torch.finfo(like.dtype).tiny
        self.angle, self.e, self.c = (torch.empty_like(like) for _ in range(3))
        self.generator = torch.Generator().manual_seed(0)

    def fill(self, out: Any) -> Any:
        """Write stable numbers to `out` and return it."""
        angle, e, c, alpha = self.angle, self.e, self.c, self.alpha
        angle.uniform_(-self.bound, self.bound, generator=self.generator)
        e.uniform_(generator=self.generator)
        if e.dtype == torch.float32:  # it does give zeros
            e.clamp_min_(self.tiny)
        e.log_().neg_()
        torch.mul(angle, 1 - alpha, out=c)
        e.div_(c.cos_())
        torch.mul(angle, alpha, out=out)
        out.sin_().mul_(e)
        e.mul_(angle.cos_()).log_().mul_(-1 / alpha).exp_()
        return out.mul_(e)


@cache
def _compiled_step(_shape: tuple[int, ...], _dtype: str, _alpha: float) -> Any:
    """Return the compiled step; it is compiled again for every shape, and forgets the others."""
    torch.compiler.reset()
    return torch.compile(_step, dynamic=False)


def _step(theta: Any, x: Any, y: Any, dt: Any, scale: Any, alpha: float, bound: float) -> Any:
    h = 2 * torch.sigmoid(theta @ (2 * x.T)) - 1
    weights = y * torch.sigmoid(-y * h.mean(0)) / len(y)
    drift = ((1 - h * h) * weights) @ x
    angle = (2 * torch.rand_like(theta) - 1) * bound
    e = -torch.log(torch.rand_like(theta).clamp_min(torch.finfo(theta.dtype).tiny))
    e = e / torch.cos((1 - alpha) * angle)
    power = torch.exp(torch.log(e * torch.cos(angle)) * (-1 / alpha))
    noise = torch.sin(alpha * angle) * e * power
    return theta + dt * drift + scale * noise


def _compiled(work: NetworkWork) -> Run:
    start, x, y = _tensors(work)
    key = (*start.shape, *x.shape)
    step = _compiled_step(key, str(start.dtype), work.alpha)
    dt, scale = (torch.tensor(value, dtype=start.dtype) for value in (work.dt, work.scale))
    bound = float(half_pi(work.dtype))

    def call() -> Any:
        torch.set_num_threads(work.threads)
        theta = start
        with torch.inference_mode():
            for _ in range(work.steps):
                theta = step(theta, x, y, dt, scale, work.alpha, bound)
        return theta

    return Run(call, lambda theta: theta.numpy())


def _products(work: NetworkWork) -> Run:
    theta, x, _ = _tensors(work)
    transposed = x.T.contiguous()
    h, change = torch.empty(len(theta), len(x), dtype=theta.dtype), torch.empty_like(theta)

    def call() -> Any:
        torch.set_num_threads(work.threads)
        with torch.inference_mode():
            for _ in range(work.steps):
                torch.mm(theta, transposed, out=h)
                torch.mm(h, x, out=change)
        return change

    return Run(call, lambda change: change.numpy())


def training() -> dict[str, Any]:
    """Train with `torch.optim.SGD`, and noise of SciPy added after each step, as the paper does."""
    return {"SGD": _training}


def _training(work: TrainingWork) -> Run:
    x, y = torch.from_numpy(work.x), torch.from_numpy(work.y)
    n, d = work.hidden.shape
    net = torch.nn.Sequential(
        torch.nn.Linear(d, n, bias=False),
        torch.nn.ReLU(inplace=True),
        torch.nn.Linear(n, len(work.readout), bias=False),
    )
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=work.rate)
    # the coordinates of Type I are equal: one number a unit, broadcast
    draw = sampler(DrawWork(work.alpha, work.kind, n, 1 if work.kind == "I" else d))

    def call() -> Any:
        torch.set_num_threads(work.threads)
        first, last = net[0].weight.data, net[2].weight.data
        first.copy_(torch.from_numpy(work.hidden))
        last.copy_(torch.from_numpy(work.readout))
        for _ in range(work.steps):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            if work.scale:
                first.add_(torch.from_numpy(work.scale * draw()))
        return first

    return Run(call, lambda weights: weights.numpy().copy())
