"""How long the runs of tables will take: from a few steps that are timed."""

from collections.abc import Mapping
from time import perf_counter

import numba

from sde.study import cores
from sde.tables.experiment import Setting, examples
from sde.training.train import train

__all__ = ["estimate", "in_words", "steps_of_a_run"]

#: Steps that are timed.
TIMED = 2


def estimate(
    runs: Mapping[Setting, int], usual_steps: Mapping[Setting, int], workers: int
) -> tuple[float, list[str]]:
    """
    Time a step of each kind of network; return the seconds that runs will take, and from what.

    Parameters
    ----------
    runs : mapping of Setting to int
        How many there will be.
    usual_steps : mapping of Setting to int
        About how many steps a training takes.
    workers : int
        Among how many processes the runs are divided.
    """
    total, timed, words = 0.0, dict[tuple[object, ...], float](), list[str]()
    for setting, count in runs.items():
        shape = (setting.dataset, setting.width, setting.kind)
        steps = usual_steps[setting]
        if shape not in timed:
            threads = min(cores() // workers, numba.get_num_threads())
            timed[shape] = _seconds_a_step(setting, max(1, threads))
            words.append(
                f"n = {setting.width}, Type-{setting.kind} noise: {timed[shape]:.2g} s a step, "
                f"about {steps} steps a run"
            )
        total += count * timed[shape] * steps_of_a_run(setting, steps)
    return total / workers, words


def steps_of_a_run(setting: Setting, steps: int) -> float:
    """
    Return how many steps last as long as a run; without gradients, a batch takes half of a step.

    Examples
    --------
    >>> setting = Setting("digits", "own", 64, "II", 1.75, 0.01, 0.05, 1437, 100, 1000)
    >>> round(steps_of_a_run(setting, 100), 2)
    101.25
    """
    data = examples(setting.dataset, setting.split, 0)
    train_half, test_half = (len(x) / setting.batch_size / 2 for x in (data.x_train, data.x_test))
    evaluations = 1 + steps / setting.evaluate_every
    tests = 2 + len(setting.curve) / 2  # before and after pruning; half of the units on the curve
    return steps + train_half * evaluations + test_half * tests


def _seconds_a_step(setting: Setting, threads: int) -> float:
    """Return the time of a step on as many threads as a run has."""
    data = examples(setting.dataset, setting.split, 0)
    x, y = data.x_train[: setting.batch_size], data.y_train[: setting.batch_size]

    def seconds(steps: int) -> float:
        start = perf_counter()
        train(
            x,
            y,
            width=setting.width,
            noise=setting.noise,
            learning_rate=setting.learning_rate,
            max_steps=steps,
            evaluate_every=steps,
            last_noise=False,
        )
        return perf_counter() - start

    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        seconds(2)  # compiles what is not compiled yet; the only step of one has no noise
        return max(seconds(1 + TIMED) - seconds(1), 0.0) / TIMED
    finally:
        numba.set_num_threads(before)


def in_words(seconds: float) -> str:
    """
    Return a time in words.

    Examples
    --------
    >>> in_words(42.3), in_words(600), in_words(14000), in_words(500000)
    ('42 s', '10 min', '3.9 h', '5.8 days')
    """
    for unit, size in (("days", 86400.0), ("h", 3600.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
