"""
Intervals, convergence orders and tail estimators: everything that a verdict rests on.

For a theorem of your own: `convergence_order` for a rate, `is_bounded` for a bound, `tail_index`
and `tail_constant` for a power tail, and the intervals for everything else. All of them take plain
arrays of independent replicates, and return an `Interval`, or more.

Examples
--------
The rate of propagation of chaos of a system of one's own, noisy Kuramoto oscillators:

>>> import math
>>> import numpy as np
>>> import sde
>>> from theory_checks.statistics import convergence_order
>>> def phase(theta, out):  # what oscillators see of each other, averaged
...     out[0], out[1] = math.cos(theta[0]), math.sin(theta[0])
...
>>> def pull(theta, mean_field, out):  # Kuramoto: towards the phases of the others
...     out[0] = mean_field[1] * math.cos(theta[0]) - mean_field[0] * math.sin(theta[0])
...
>>> system, noise = sde.McKeanVlasov(1, 2, phase, pull), sde.StableNoise(1.5, "I", sigma=0.5)
>>> flow = sde.mean_field_flow(system, noise, t1=1.0, dt=1 / 16, n=2**19, runs=8)  # the limit
>>> n = np.array([16, 32, 64, 128, 256])
>>> options = {"replicates": 400, "over_particles": "mean"}
>>> gaps = np.column_stack([sde.chaos_gap(system, noise, flow, n=k, **options) for k in n])
>>> floor = 3 * flow.standard_error.max()
>>> order = convergence_order(n, gaps, floor=floor, drop="drift", limit="infinity")
>>> print(order.diagnosis())
order -0.495, 99 % interval -0.553 to -0.437, from 5 of 5 values
local slopes -0.551 to -0.448
drift at the far end -0.00761 (-0.144 to 0.129): none seen
noise floor: at most 4.2 % of an error, widens each side by 0.022
>>> order.low < -0.5 < order.high
True
"""

from theory_checks.statistics.bounds import Boundedness, is_bounded
from theory_checks.statistics.distances import ks_distance
from theory_checks.statistics.intervals import (
    Interval,
    mean_interval,
    median_interval,
    proportion_interval,
    quantile_interval,
    quotient_interval,
    ratio_interval,
)
from theory_checks.statistics.order import Order
from theory_checks.statistics.slopes import Drop, Limit, convergence_order
from theory_checks.statistics.tails import hill_index, tail_constant, tail_index

__all__ = [
    "Boundedness",
    "Drop",
    "Interval",
    "Limit",
    "Order",
    "convergence_order",
    "hill_index",
    "is_bounded",
    "ks_distance",
    "mean_interval",
    "median_interval",
    "proportion_interval",
    "quantile_interval",
    "quotient_interval",
    "ratio_interval",
    "tail_constant",
    "tail_index",
]
