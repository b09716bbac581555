"""Plain NumPy implementations of what `sde` computes: one a formula, written independently."""

from fractions import Fraction

import mpmath
import numpy as np
from scipy.special import erf, expit, gamma, logsumexp, softmax

# --- systems, simulation, flow, coupling ----------------------------------------------------------

#: Features: g, g' and the geometry of their argument.
FEATURES = {
    "tanh": (np.tanh, lambda a: 4 * expit(2 * a) * expit(-2 * a), "inner"),
    "sigmoid": (expit, lambda a: expit(a) * expit(-a), "inner"),
    "sine": (np.sin, np.cos, "inner"),
    "gaussian": (lambda a: np.exp(-a), lambda a: -np.exp(-a), "radial"),
    "erf": (erf, lambda a: 2 / np.sqrt(np.pi) * np.exp(-(a**2)), "inner"),
    "relu": (lambda a: np.maximum(a, 0), lambda a: np.where(a > 0, 1.0, 0.0), "inner"),
}

#: Losses of predictions f and targets y, both (m, l): values (m,) and gradients (m, l).
LOSSES = {
    "logistic": (
        lambda f, y: np.logaddexp(0, -y * f).sum(axis=1),
        lambda f, y: -y * expit(-y * f),
    ),
    "pseudo_huber": (
        lambda f, y: (np.hypot(1, f - y) - 1).sum(axis=1),
        lambda f, y: (f - y) / np.hypot(1, f - y),
    ),
    "squared": (lambda f, y: ((f - y) ** 2).sum(axis=1) / 2, lambda f, y: f - y),
    "cross_entropy": (
        lambda f, y: logsumexp(f, axis=1) - (y * f).sum(axis=1),
        lambda f, y: softmax(f, axis=1) - y,
    ),
}


class Network:
    """Equation (1) with its observables and drift, all arrays in memory at once."""

    def __init__(self, x, y, feature, loss, amplitude=1.0):
        self.x, self.amplitude = np.asarray(x, float), amplitude
        self.y = np.asarray(y, float).reshape(len(self.x), -1)
        self.g, self.slope, self.geometry = FEATURES[feature]
        self.loss, self.gradient = LOSSES[loss]

    def _split(self, theta):
        return theta.reshape(len(theta), self.y.shape[1], self.x.shape[1])  # (n, l, d)

    def _arguments(self, theta, x):
        if self.geometry == "inner":
            return np.einsum("jd,nld->njl", x, self._split(theta))
        return ((self._split(theta)[:, None] - x[None, :, None]) ** 2).sum(axis=3) / 2

    def observables(self, theta, x=None):
        values = self.amplitude * self.g(self._arguments(theta, self.x if x is None else x))
        return values.reshape(len(theta), -1)  # (n, m l)

    def predict(self, theta, x=None):
        return self.observables(theta, x).mean(axis=0).reshape(-1, self.y.shape[1])

    def risk(self, theta):
        return self.loss(self.predict(theta), self.y).mean()

    def drift(self, theta, mean_field):
        weight = self.gradient(mean_field.reshape(self.y.shape), self.y)
        slope = -self.amplitude * weight * self.slope(self._arguments(theta, self.x)) / len(self.x)
        if self.geometry == "inner":
            return np.einsum("njl,jd->nld", slope, self.x).reshape(len(theta), -1)
        away = self._split(theta)[:, None] - self.x[None, :, None]
        return np.einsum("njl,njld->nld", slope, away).reshape(len(theta), -1)


def particle_paths(observables, drift, increments, theta, dt, flow=None):
    """Recursion (2) in plain NumPy: states (K + 1, n, p) and mean fields (K + 1, q).

    With a `flow` (K + 1, q) given, it is read in place of the particles' own mean field.
    """
    states, fields = [np.array(theta)], []
    for k in range(len(increments) + 1):
        fields.append(observables(states[-1]).mean(axis=0) if flow is None else flow[k])
        if k < len(increments):
            states.append(states[-1] + dt * drift(states[-1], fields[-1]) + increments[k])
    return np.stack(states), np.stack(fields)


def stable_cdf(alpha, x):
    """Distribution function of S with E exp(iuS) = exp(-|u|^alpha), alpha 1 or not near 1: 1e-13.

    Nolan (1997), Theorem 1, at beta = 0: an integral over an angle, which double exponential
    quadrature (Takahasi and Mori 1974) takes with nodes at their distances from either end.
    """
    x = np.asarray(x, float)
    if alpha == 1:
        return 0.5 + np.arctan(x) / np.pi
    angle, rest, weights = _double_exponential(np.pi / 2)
    power = alpha / (alpha - 1)
    # sin(alpha angle) and cos((alpha - 1) angle) as sines that do not cancel at the upper end
    near_zero, gap = angle < rest, (1 - alpha / 2) * np.pi
    sine = np.sin(np.where(near_zero, alpha * angle, gap + alpha * rest))
    other = np.where(near_zero, np.pi / 2 - (alpha - 1) * angle, gap + (alpha - 1) * rest)
    log_shape = power * np.log(np.sin(rest) / sine) + np.log(np.sin(other) / np.sin(rest))
    with np.errstate(divide="ignore"):
        exponent = power * np.log(np.abs(x))[..., None] + log_shape
    integral = np.exp(-np.exp(np.minimum(exponent, 7))) @ weights / np.pi
    upper = integral if alpha > 1 else 0.5 - integral
    return np.where(x > 0, 1 - upper, upper)


def _double_exponential(length, step=1 / 128):
    """Return nodes in (0, length), their distances from its end, and weights."""
    t = np.arange(-4, 4 + step, step)
    ratio = np.exp(-np.pi * np.sinh(t))
    nodes, rest = length / (1 + ratio), length * ratio / (1 + ratio)
    return nodes, rest, step * np.pi * np.cosh(t) * nodes * rest / length


def stable_tail(alpha, x, terms=12):
    """P(|S| > x) for a large x, by its series in x^-alpha (Bergström 1952)."""
    k = np.arange(1, terms + 1)
    signs = np.where(k % 2 == 1, 1, -1)
    terms = signs * gamma(alpha * k) / gamma(k + 1) * np.sin(np.pi * alpha * k / 2)
    return 2 / np.pi * np.sum(terms * np.power.outer(x, -alpha * k), axis=-1)


# --- random words, noise, pruning -----------------------------------------------------------------


def philox(counter, key):
    """Philox-4x32-10 as in section 4.3 of Salmon et al. (SC'11), in Python integers."""
    (left0, right0, left1, right1), (k0, k1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * left0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * left1, 2**32)
        left0, right0, left1, right1 = high1 ^ right0 ^ k0, low1, high0 ^ right1 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return left0, right0, left1, right1


def permutation(m, seed, stream):
    """Return 0 to m - 1 in the order of 53-bit keys: particles' first words in the stream's key."""
    w = philox((0, 0, stream, 0), (seed & 0xFFFFFFFF, seed >> 32))
    blocks = [philox((i, 0, 0, 0), (w[1], w[0])) for i in range(m)]
    return sorted(range(m), key=lambda i: (blocks[i][0] << 32 | blocks[i][1]) >> 11)


def symmetric_stable(alpha, angle, exponential):
    """Chambers, Mallows and Stuck (1976): an angle in (-π/2, π/2) and an exponential number."""
    if alpha == 1:
        return np.tan(angle)
    power = (np.cos((1 - alpha) * angle) / exponential) ** ((1 - alpha) / alpha)
    return np.sin(alpha * angle) / np.cos(angle) ** (1 / alpha) * power


def root_of_positive_stable(alpha, angle, exponential):
    """Kanter (1975): sqrt(A) with E e^{-sA} = e^{-(2s)^{alpha/2}}, from an angle in (0, π)."""
    b = alpha / 2
    log_kernel = b / (1 - b) * np.log(np.sin(b * angle)) + np.log(np.sin((1 - b) * angle))
    log_kernel = log_kernel - np.log(np.sin(angle)) / (1 - b)
    return np.sqrt(2 * np.exp((1 - b) / b * (log_kernel - np.log(exponential))))


def positive_stable_tail(beta, x):
    """P(A > x), E e^{-sA} = e^{-s^beta}, to 28 digits: the Laplace transform inverted on its cut.

    The integral of e^{-rx} Im(1 - e^{-(-r)^beta}) / (π r) over r > 0, by the trapezoidal rule in
    log r, whose step resolves the sine for beta <= 0.97.
    """
    with mpmath.workdps(50):
        beta, x = mpmath.mpf(beta), mpmath.mpf(x)
        cosine, sine, step = mpmath.cospi(beta), mpmath.sinpi(beta), 0.03 * (1 - beta) + 0.004
        first, last = -65 / beta, mpmath.mpf(0)
        while mpmath.exp(last) * x + mpmath.exp(beta * last) * cosine < 120:
            last += 1
        total = mpmath.mpf(0)
        for k in range(int((last - first) / step) + 1):
            r = mpmath.exp(first + k * step)
            power = r**beta
            total += mpmath.exp(-r * x - power * cosine) * mpmath.sin(power * sine)
        return total * step / mpmath.pi


def stable_cdf_by_inversion(alpha, x):
    """Distribution function of S by inversion of exp(-|u|^alpha), alpha >= 0.7 and |x| <= 20.

    Composite Gauss-Legendre quadrature in s, u = s^3, which smooths the cusp at zero: error 1e-8.
    """
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0, 30 ** (1 / alpha / 3), 401)
    half = np.diff(edges)[:, None] / 2
    s = (edges[:-1, None] + half * (nodes + 1)).ravel()
    integrand = 3 / s * np.exp(-(s ** (3 * alpha))) * (half * weights).ravel()
    return 0.5 + np.sin(np.multiply.outer(x, s**3)) @ integrand / np.pi


def tail_constant(alpha, kind, dim):
    """lim x^alpha P(|X| > x), from the Lévy measure: c_alpha = 1 / ∫_0^∞ x^{-alpha} sin x dx."""
    one = 1 / (gamma(1 - alpha) * np.cos(np.pi * alpha / 2)) if alpha != 1 else 2 / np.pi
    if kind == "III":
        # E |G_1|^alpha of a unit direction, for the spectral measure to have scale one
        moment = gamma(dim / 2) * gamma((alpha + 1) / 2) / gamma((dim + alpha) / 2)
        return one * np.sqrt(np.pi) / moment
    return one * (dim ** (alpha / 2) if kind == "I" else dim)


def pruned(theta, keep):
    """Theta with all but the floor(keep n) rows of largest norm set to zero; keep is a Fraction."""
    n = len(theta)
    ranked = sorted(range(n), key=lambda i: (-np.hypot.reduce(theta[i], initial=0.0), i))
    out = np.zeros_like(theta)
    for i in ranked[: int(keep * n)]:
        out[i] = theta[i]
    return out


def largest_prunable(theta, energy):
    """The largest number of rows of smallest norm that leave a share of the squared norm."""
    squares = sorted(sum(Fraction(x) ** 2 for x in row) for row in theta.tolist())
    total = sum(squares)
    return max(k for k in range(len(squares) + 1) if sum(squares[k:]) >= energy * total)


# --- fully connected networks ---------------------------------------------------------------------


def network_outputs(weights, feature, x):
    """Outputs (k, l) in float64."""
    *hidden, readout = [np.asarray(each, float) for each in weights]
    values = np.asarray(x, float)
    for each in hidden:
        values = FEATURES[feature][0](values @ each.T)
    return values @ readout.T


def network_pruned(weights, ratio, scope="layer", rows=1):
    """Weights of which the hidden units of smallest norm are zero; ratio is a Fraction."""
    hidden = [np.reshape(each, (len(each) // rows, -1)) for each in weights[:-1]]
    units = [(layer, i) for layer, each in enumerate(hidden) for i in range(len(each))]
    out = [each.copy() for each in hidden]
    layers = range(len(hidden))
    for group in (
        [units] if scope == "global" else [[u for u in units if u[0] == m] for m in layers]
    ):
        squares = {u: sum(Fraction(x) ** 2 for x in hidden[u[0]][u[1]].tolist()) for u in group}
        ranked = sorted(group, key=lambda u: (-squares[u], u))
        for layer, i in ranked[int((1 - ratio) * len(group)) :]:
            out[layer][i] = 0
    return [*(new.reshape(old.shape) for new, old in zip(out, weights, strict=False)), weights[-1]]


# --- elementary functions in extended precision ---------------------------------------------------

Long = np.longdouble
PI = Long("3.14159265358979323846264338327950288")


def erf_long(x):
    """Erf by its series of positive terms, which loses nothing to cancellation.

    In parts, of which each takes as many terms as its largest number: fast where x is sorted.
    """
    return np.concatenate([_erf_series(part) for part in np.array_split(x, max(1, len(x) // 1000))])


def _erf_series(x):
    x = np.clip(x, -7, 7).astype(Long)  # 1 - erf(7) is 4e-23
    twice_square = 2 * x * x
    term = 2 * x / np.sqrt(PI) * np.exp(-x * x)
    total = term.copy()
    last = np.argmax(np.abs(x))
    n = 0
    while abs(term[last]) > 1e-20 * abs(total[last]):
        n += 1
        term *= twice_square / (2 * n + 1)
        total += term
    return total


#: Values of the functions of `sde.vmath` at arrays of doubles, to about 1e-18 of each.
ELEMENTARY = {
    "exp": lambda x: np.exp(x.astype(Long)),
    "exp_unchecked": lambda x: np.exp(x.astype(Long)),
    "log": lambda x: np.log(x.astype(Long)),
    "log_unchecked": lambda x: np.log(x.astype(Long)),
    "sin": lambda x: np.sin(x.astype(Long)),
    "cos": lambda x: np.cos(x.astype(Long)),
    "sinpi_half": lambda x: np.sin(PI * x.astype(Long)),
    "tanh": lambda x: np.tanh(x.astype(Long)),
    "tanh2": lambda x: np.tanh(np.log(Long(2)) / 2 * x.astype(Long)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x.astype(Long))),
    "erf": erf_long,
}


def gradients(weights, x, y, feature, loss):
    """Gradients of the mean loss in the weights of a fully connected network: plain NumPy."""
    value, slope, _ = FEATURES[feature]
    arguments, below = [], [x]
    for layer in weights[:-1]:
        arguments.append(below[-1] @ layer.T)
        below.append(value(arguments[-1]))
    above = LOSSES[loss][1](below[-1] @ weights[-1].T, y) / len(x)
    out = [above.T @ below[-1]]
    for layer in range(len(weights) - 1, 0, -1):
        above = (above @ weights[layer]) * slope(arguments[layer - 1])
        out.insert(0, above.T @ below[layer - 1])
    return out


# --- statistics -----------------------------------------------------------------------------------


def resampled(rows, statistic, resamples, rng):
    """Return a statistic of the columns of bootstrap resamples, from copies of the rows."""
    summary = {"mean": np.mean, "median": np.median}[statistic]
    chosen = rng.integers(len(rows), size=(resamples, len(rows)))
    return np.array([summary(rows[index], axis=0) for index in chosen])
