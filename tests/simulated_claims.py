"""Small claims on real simulations, in parts, for the tests of interrupted and shared runs."""

import os
import time
from functools import partial
from pathlib import Path

import numpy as np

import sde
from theory_checks.claim import Claim
from theory_checks.figures import Figure, Panel, Series
from theory_checks.statistics import mean_interval
from theory_checks.verdict import Evidence, Quantity

NOISE = sde.StableNoise(1.5, "I")
#: A file to which every computed part adds a line: nothing may be computed twice.
LEDGER = "LEVYCHAOS_TEST_LEDGER"
#: Seconds that every part takes beside its simulation.
PAUSE = "LEVYCHAOS_TEST_PAUSE"


def position(settings, widths, k):
    """Return bounded functions of the last states of a few particles."""
    time.sleep(float(os.environ.get(PAUSE, "0")))
    theta = sde.simulate(
        sde.MeanFieldNetwork([[1.0]], [1]),
        NOISE,
        n=16 + k % widths,
        t1=1.0,
        dt=0.25,
        seed=settings.seed,
        replicate=k,
    ).theta
    if LEDGER in os.environ:
        with Path(os.environ[LEDGER]).open("a", encoding="utf-8") as file:
            file.write(f"{widths} {k}\n")
    return np.tanh(theta[:, 0])


def parts(settings, *, count, widths):
    """Return as many parts."""
    return {f"part {k}": partial(position, settings, widths, k) for k in range(count)}


def check(settings, *, count, widths):
    """Return an interval of a mean that has no meaning."""
    found = settings.compute(parts(settings, count=count, widths=widths))
    values = np.concatenate(list(found.values()))
    measured = Quantity.of("mean", mean_interval(values), -2.0, ">=", role="printed")
    control = Quantity("slope, independent noise", 0.0, -0.1, 0.1, 0.2, "<=")
    means = Series("", range(count), [each.mean() for each in found.values()])
    figure = Figure("simulated-3", "Means.", (Panel("Means", "part", "mean", (means,)),))
    return Evidence((measured,), (control,), (figure,) if widths == 3 else ())


def simulated(count, widths):
    """Return a claim in so many parts."""
    options = {"count": count, "widths": widths}
    return Claim(
        f"simulated-{widths}",
        "Simulated",
        "A mean.",
        "0 = 0",
        "holds",
        partial(check, **options),
        parts=partial(parts, **options),
    )


CLAIMS = [simulated(40, 3), simulated(40, 5)]
