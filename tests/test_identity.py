"""Systems written by a user are the same when they compute the same."""

import numpy as np
import pytest

import sde
from sde.features import FEATURES
from sde.identity import function_digest

STRENGTH = 1.0
TABLE = np.array([1.0, 2.0])


def position(theta, out):
    out[0] = theta[0]


def pull(theta, mean_field, out):
    out[0] = STRENGTH * (mean_field[0] - theta[0]) + TABLE[0]


def with_closure(strength):
    def own_pull(theta, mean_field, out):
        out[0] = strength * (mean_field[0] - theta[0])

    return own_pull


def test_a_changed_global_makes_another_system(monkeypatch):
    before = sde.McKeanVlasov(1, 1, position, pull)
    monkeypatch.setitem(globals(), "STRENGTH", 5.0)
    after = sde.McKeanVlasov(1, 1, position, pull)
    assert before.fingerprint != after.fingerprint
    assert before.drift([[0.0], [2.0]])[0] != after.drift([[0.0], [2.0]])[0]


def test_an_array_changed_in_place_makes_another_system(monkeypatch):
    before = function_digest(pull)
    monkeypatch.setitem(globals(), "TABLE", TABLE.copy())
    assert function_digest(pull) == before
    TABLE[1] = 3.0
    assert function_digest(pull) != before


def test_closures_count_by_their_content():
    systems = [sde.McKeanVlasov(1, 1, position, with_closure(k)) for k in (1.0, 1.0, 2.0)]
    assert systems[0].fingerprint == systems[1].fingerprint
    assert systems[0].fingerprint != systems[2].fingerprint


def test_functions_that_are_called_count():
    def outer(inner):
        return lambda theta: inner(theta)

    assert function_digest(outer(abs)) != function_digest(outer(round))
    one, two = (outer(lambda x, k=k: k * x) for k in (1, 2))
    assert function_digest(one) != function_digest(two)


def test_recursion_ends():
    def down(k):
        return down(k - 1) if k else 0

    assert function_digest(down) == function_digest(down)


def test_a_flow_of_changed_functions_is_refused(monkeypatch):
    noise = sde.StableNoise(1.5, "I")
    system = sde.McKeanVlasov(1, 1, position, pull)
    flow = sde.mean_field_flow(system, noise, t1=1.0, dt=0.5, n=64, runs=2)
    monkeypatch.setitem(globals(), "STRENGTH", 5.0)
    changed = sde.McKeanVlasov(1, 1, position, pull)
    with pytest.raises(ValueError, match="content of their functions differ"):
        sde.chaos_gap(changed, noise, flow, n=4, replicates=2)


def test_a_feature_registered_anew_makes_another_network():
    def network(slope):
        sde.register_feature("line", lambda a: slope * a, lambda _a: slope + 0.0)
        try:
            return sde.MeanFieldNetwork([[1.0]], [1], feature="line")
        finally:
            del FEATURES["line"]

    one, same, other = network(1.0), network(1.0), network(2.0)
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint
