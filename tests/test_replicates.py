"""Replicates side by side are the runs of `simulate`, to the bit."""

import numpy as np
import pytest

import sde
from sde import replicates as module
from sde.initial import sample_initial, sample_initials

NETWORK = sde.MeanFieldNetwork([[1.0, 0.3], [-0.5, 1.0], [0.2, 0.8]], [1, -1, 1])


@pytest.mark.parametrize("kind", ["I", "II", "III"])
@pytest.mark.parametrize("n", [1, 127, 300])
def test_each_replicate_is_a_run_of_simulate(kind, n):
    noise = sde.StableNoise(1.4, kind, 0.7)
    common = {"n": n, "t1": 1.0, "dt": 0.25, "substeps": 2, "seed": 9}
    ends = sde.simulate_replicates(NETWORK, noise, replicates=3, first=5, **common)
    for r in range(3):
        one = sde.simulate(NETWORK, noise, replicate=5 + r, **common)
        assert np.array_equal(ends[r], one.theta)


def test_batches_do_not_change_the_result(monkeypatch):
    noise = sde.StableNoise(1.4, "II")
    common = {"n": 50, "t1": 1.0, "dt": 0.5, "replicates": 7}
    whole = sde.simulate_replicates(NETWORK, noise, **common)
    monkeypatch.setattr(module, "BATCH", 300)
    assert np.array_equal(sde.simulate_replicates(NETWORK, noise, **common), whole)


@pytest.mark.parametrize("initial", [sde.Gaussian(0.5), sde.Uniform(), np.ones((40, 2))])
@pytest.mark.parametrize("replicates", [range(3), range(7, 8), range(100, 300)])
def test_initial_states_of_replicates_are_those_of_each(initial, replicates):
    together = sample_initials(initial, 40, 2, seed=3, replicates=replicates)
    for at in (0, len(replicates) - 1):
        one = sample_initial(initial, 40, 2, seed=3, replicate=replicates[at])
        assert np.array_equal(together[at], one)


def test_failure_names_step_and_replicate():
    def observable(_theta, out):
        out[0] = 0.0

    def drift(theta, _mean_field, out):
        out[0] = theta[0] * theta[0] * 1e200

    system = sde.McKeanVlasov(1, 1, observable, drift)
    with pytest.raises(FloatingPointError, match=r"at step \d+ .* of replicate 4"):
        sde.simulate_replicates(
            system, sde.StableNoise(2.0, "I"), n=3, t1=1.0, dt=0.1, replicates=2, first=4
        )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"replicates": 0}, ValueError),
        ({"replicates": 1.5}, TypeError),
        ({"first": -1}, ValueError),
        ({"dt": 0.3}, ValueError),
        ({"n": 0}, ValueError),
        ({"initial": np.ones((3, 2))}, ValueError),
        ({"seed": "one"}, TypeError),
    ],
)
def test_bad_arguments_are_refused(change, error):
    arguments = {"n": 4, "t1": 1.0, "dt": 0.5, "replicates": 2} | change
    with pytest.raises(error, match="need"):
        sde.simulate_replicates(NETWORK, sde.StableNoise(1.5, "I"), **arguments)
