r"""Pruning of columns (particles) by norm, its error, and the sharp law of that error.

For i.i.d. vectors with tail :math:`P(W > x) \sim c\,x^{-\alpha}` of the norm W, 0 < alpha < 2, the
sum of squares has a positive alpha/2-stable limit,
:math:`n^{-2/\alpha}\sum W_i^2 \to c^{2/\alpha} S` with
:math:`E e^{-sS} = e^{-\Gamma(1 - \alpha/2) s^{\alpha/2}}`, while the pruned part obeys the law of
large numbers. Hence

.. math:: \text{error}^2 \approx n^{1 - 2/\alpha}\, m_\kappa / (c^{2/\alpha} S), \qquad
    m_\kappa = E[W^2; W \le q_{1-\kappa}].
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from sde import validation
from sde.positive_stable import log_positive_stable_quantile
from sde.stable import StableNoise

__all__ = ["CompressionLaw", "compression_error", "prune", "pruning_ratio"]


def prune(theta: ArrayLike, keep: float) -> NDArray[np.float64]:
    r"""Keep the :math:`\lfloor\kappa n\rfloor` particles of largest norm, set the others to zero.

    Parameters
    ----------
    theta : (n, p) array_like
        One row a particle (a column of the paper's matrix).
    keep : float
        The share κ to keep, from 0 to 1.

    Returns
    -------
    (n, p) float64 array
        Of particles of equal norm, those with smaller index are kept.

    Examples
    --------
    >>> prune([[3.0, 4.0], [0.0, 1.0]], keep=0.5).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """
    state = validation.real_array("theta", theta, ("n", "p"))
    order = np.argsort(-row_norms(_tamed(state)), kind="stable")
    state[order[_kept(len(state), keep) :]] = 0.0
    return state


def compression_error(theta: ArrayLike, keep: float) -> float:
    r"""Return :math:`\|\Theta^{(\kappa n)} - \Theta\|_F / \|\Theta\|_F` (Theorem 3.1).

    Parameters
    ----------
    theta : (n, p) array_like
        One row a particle.
    keep : float
        The share κ of particles to keep, from 0 to 1.

    Returns
    -------
    float
        From 0 to 1; 0 if `theta` is zero, which is its own pruned version.

    Examples
    --------
    >>> compression_error([[3.0, 0.0], [0.0, 4.0]], keep=0.5)
    0.6
    """
    state = validation.real_array("theta", theta, ("n", "p"))
    norms = row_norms(_tamed(state))
    kept = _kept(len(norms), keep)
    largest = norms.max()
    if largest == 0:
        return 0.0
    # relative to the largest norm, so that squares neither overflow nor vanish
    squares, pruned = (norms / largest) ** 2, len(norms) - kept
    if 0 < pruned < len(norms):
        squares.partition(pruned)
    return math.sqrt(squares[:pruned].sum() / squares.sum())


def pruning_ratio(theta: ArrayLike, energy: float = 0.9) -> float:
    """Return the largest share of particles, those of smallest norm, that can be pruned.

    Parameters
    ----------
    theta : (n, p) array_like
        One row a particle.
    energy : float
        Share of the squared Frobenius norm that must be kept, from 0 to 1.

    Returns
    -------
    float
        The paper's pruning ratio (section 5), as a fraction.

    Examples
    --------
    >>> pruning_ratio([[10.0], [1.0], [1.0], [1.0]], energy=0.9)
    0.75
    """
    state = validation.real_array("theta", theta, ("n", "p"))
    energy = validation.real("energy", energy, least=0.0, most=1.0)
    norms = row_norms(_tamed(state))
    largest = norms.max()
    if largest == 0:
        return 1.0
    squares = np.sort((norms / largest) ** 2)
    pruned = np.cumsum(squares)
    # rounding of the sums must not decide whether the very last particle may go
    allowed = (1 - energy) * pruned[-1] * (1 + 1e-12)
    return float(np.searchsorted(pruned, allowed, side="right")) / len(norms)


def _tamed(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a multiple of the state whose norms cannot overflow; the state itself if it can be."""
    return state * 2.0**-64 if np.abs(state).max() > 2.0**950 else state


def row_norms(state: NDArray[Any]) -> NDArray[np.float64]:
    """Return the norms of the rows; squares neither overflow nor vanish."""
    state = state.astype(np.float64, copy=False)  # weights may be float32
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("ij,ij->i", state, state)
    if squares.min() > 1e-290 and squares.max() < 1e290:
        return np.asarray(np.sqrt(squares))
    # scaled by powers of two, so that no norm depends on what the other rows are
    exponent = np.frexp(np.abs(state).max(axis=1))[1]
    state = np.ldexp(state, -exponent[:, None])
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(np.sqrt(np.einsum("ij,ij->i", state, state)), exponent))


def _kept(n: int, keep: float) -> int:
    keep = validation.real("keep", keep, least=0.0, most=1.0)
    # 0.29 * 100 is 28.999...: a share given in decimals must not lose a particle to rounding
    return math.floor(keep * n * (1 + 4 * np.finfo(float).eps))


def _proper_share(keep: object) -> float:
    share = validation.real("keep", keep)
    if not 0 < share < 1:
        raise ValueError(
            f"need 0 < keep < 1, got keep={share!r}; keeping all or nothing has no law"
        )
    return share


@dataclass(frozen=True, eq=False)
class CompressionLaw:
    r"""Sharp law of the compression error of i.i.d. heavy-tailed particles.

    Parameters
    ----------
    alpha : float
        Tail index, 0 < alpha < 2.
    tail_constant : float
        :math:`c = \lim x^\alpha P(W > x)`; for the limit (5) at time t it is
        :math:`t\,\sigma^\alpha C(p)`, that is ``t * noise.tail_constant(p)``, which contains
        :math:`\sigma^\alpha` already.
    norms : (N,) array_like
        A large i.i.d. sample of the norm W, from which :math:`m_\kappa` is computed.
    keep : float
        The share κ of particles that pruning keeps, above 0 and below 1.

    Notes
    -----
    Asymptotic in n. Medians agree with simulation within about 10 % from n = 10^3.

    Examples
    --------
    >>> law = CompressionLaw.of_noise(StableNoise(1.2, "II"), dim=2, keep=0.1)
    >>> bool(law.median(10**4) < law.median(10**3))
    True
    """

    alpha: float
    tail_constant: float
    norms: NDArray[np.float64]
    keep: float

    def __post_init__(self) -> None:
        alpha = validation.real("alpha", self.alpha)
        if not 0 < alpha < 2:
            raise ValueError(
                f"need 0 < alpha < 2, got alpha={alpha!r}; at alpha = 2 the error does not vanish"
            )
        object.__setattr__(self, "alpha", alpha)
        constant = validation.positive("tail_constant", self.tail_constant)
        object.__setattr__(self, "tail_constant", constant)
        object.__setattr__(self, "keep", _proper_share(self.keep))
        norms = validation.real_array("norms", self.norms, ("N",))
        if norms.min() < 0:
            raise ValueError(
                f"need norms >= 0, got {float(norms.min())!r}; pass norms, not coordinates"
            )
        norms.sort()
        object.__setattr__(self, "norms", norms)
        self.small_energy(self.keep)

    @classmethod
    def of_sample(
        cls, theta: ArrayLike, keep: float, *, alpha: float, tail_constant: float
    ) -> "CompressionLaw":
        """Make the law of a large i.i.d. sample of particles.

        Parameters
        ----------
        theta : (N, p) array_like
            Sample of the law of one particle, such as `simulate_limit` gives.
        keep, alpha, tail_constant : float
            As for the class.
        """
        state = validation.real_array("theta", theta, ("n", "p"))
        return cls(alpha, tail_constant, row_norms(state), keep)

    @classmethod
    def of_noise(
        cls, noise: StableNoise, dim: int, keep: float, *, t: float = 1.0, samples: int = 2**18
    ) -> "CompressionLaw":
        r"""Make the law of free particles started at 0: :math:`\theta_t = \sigma L_t`.

        Parameters
        ----------
        noise : StableNoise
            With alpha < 2.
        dim : int
            Dimension p.
        keep : float
            The share κ to keep, above 0 and below 1.
        t : float
            Time.
        samples : int
            Size of the sample from which the removed energy is computed.
        """
        t = validation.positive("t", t)
        if not isinstance(noise, StableNoise):
            raise TypeError(
                f"need a StableNoise, got {validation.show(noise)}; pass StableNoise(alpha, kind)"
            )
        if noise.alpha == 2 or noise.sigma == 0:
            raise ValueError(
                f"need noise with a heavy tail, got {noise!r}; use alpha < 2 and sigma > 0"
            )
        keep = _proper_share(keep)
        theta = t ** (1 / noise.alpha) * noise.sample(samples, dim, seed=2**63)
        constant = t * noise.tail_constant(dim)
        return cls.of_sample(theta, keep, alpha=noise.alpha, tail_constant=constant)

    def small_energy(self, keep: float) -> float:
        r"""Return :math:`m_\kappa = E[W^2; W \le q_{1-\kappa}]`, the energy that pruning removes.

        Parameters
        ----------
        keep : float
            The share κ to keep, above 0 and below 1.
        """
        pruned = len(self.norms) - _kept(len(self.norms), _proper_share(keep))
        with np.errstate(over="ignore"):
            energy = float((self.norms[:pruned] ** 2).sum() / len(self.norms))
        if not 0 < energy < math.inf:
            raise ValueError(
                f"need norms whose smallest {pruned} of {len(self.norms)} have an energy above 0 "
                f"and finite, got {energy!r} with keep={keep!r}; pass a larger sample"
            )
        return energy

    def quantile(self, n: int, q: float) -> float:
        """Return the q-quantile of the error at width n.

        Parameters
        ----------
        n : int
            Width.
        q : float
            Above 0 and below 1.

        Returns
        -------
        float
            Infinite above 1e308, as is the width.
        """
        n, q = validation.count("n", n), validation.probability("q", q)
        log_square = (1 - 2 / self.alpha) * math.log(n) + math.log(self.small_energy(self.keep))
        # a small S makes a large error
        log_error = (log_square - self._log_scale() - self._log_limit(1 - q)) / 2
        return math.exp(log_error) if log_error < 709 else math.inf

    def median(self, n: int) -> float:
        """Return the median of the error at width n."""
        return self.quantile(n, 0.5)

    def width(self, eps: float, keep: float | None = None) -> float:
        r"""Return the width N from which P(error > ε) <= ε, "sufficiently overparametrized".

        .. math:: N = \left[m_\kappa / (c^{2/\alpha} \varepsilon^2 q_S(\varepsilon))
            \right]^{\alpha/(2-\alpha)}, \qquad P(S \le q_S(\varepsilon)) = \varepsilon.

        Parameters
        ----------
        eps : float
            Above 0 and below 1.
        keep : float, optional
            The share κ to keep; that of the law by default.
        """
        eps = validation.probability("eps", eps)
        energy = self.small_energy(self.keep if keep is None else keep)
        log_ratio = math.log(energy) - 2 * math.log(eps) - self._log_scale() - self._log_limit(eps)
        log_width = log_ratio * self.alpha / (2 - self.alpha)
        return math.exp(log_width) if log_width < 709 else math.inf

    def _log_scale(self) -> float:
        return 2 / self.alpha * math.log(self.tail_constant)

    def _log_limit(self, q: float) -> float:
        """Return the logarithm of the q-quantile of S."""
        half = self.alpha / 2
        return float(gammaln(1 - half) / half + log_positive_stable_quantile(half, q))
