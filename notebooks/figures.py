"""The README's figure: what pruning does to networks trained with and without heavy tails."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.figures import Emphasis, Figure, Panel, Series
from theory_checks.plots import render

__all__ = ["pruning_figure"]

SHARES = np.arange(20) / 20
SEEDS = range(3)
#: Label, and noise of each curve.
NOISES = (
    ("no noise", None),
    ("alpha = 1.75", sde.StableNoise(1.75, "III", 0.05)),
    ("alpha = 1.5", sde.StableNoise(1.5, "III", 0.05)),
)


def pruning_figure(folder: Path) -> list[str]:
    """Train on the digits, prune, and write the figure; return the names of its files."""
    data = sde.datasets.load("digits")
    accuracy: list[Series] = []
    norm: list[Series] = []
    for label, noise in NOISES:
        curves = np.array([_curves(data, noise, seed) for seed in SEEDS])
        emphasis: Emphasis = "control" if noise is None else "data"
        for panel, values in ((accuracy, curves[:, 0]), (norm, curves[:, 1])):
            middle = np.median(values, axis=0)
            panel.append(
                Series(
                    label,
                    SHARES,
                    middle,
                    values.min(axis=0),
                    values.max(axis=0),
                    style="line",
                    emphasis=emphasis,
                )
            )
    x = "share of hidden units pruned"
    panels = (
        Panel("What is left of the norm", x, "share of the squared norm", tuple(norm)),
        Panel("What is left of the accuracy", x, "test accuracy", tuple(accuracy)),
    )
    caption = (
        "Networks of 1000 hidden units on the digits, trained to 97 % with Type III noise of "
        "scale 0.05: median and range of three seeds. Heavier tails put the norm into fewer "
        "units; whether the others can go without loss of accuracy is another question."
    )
    return render(Figure("pruning-curve", caption, panels), folder)


def _curves(
    data: sde.datasets.Dataset, noise: sde.StableNoise | None, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return test accuracy and share of the squared norm after pruning each share of units."""
    network = sde.train(
        data.x_train,
        data.y_train,
        width=1000,
        noise=noise,
        learning_rate=0.01,
        batch_size=200,
        target_accuracy=0.97,
        seed=seed,
    ).network
    theta = network.weights[0]
    left = [1 - sde.compression_error(theta, keep=1 - share) ** 2 for share in SHARES]
    curve = network.pruning_curve(data.x_test, data.y_test, SHARES)
    return curve.accuracies, np.array(left)
