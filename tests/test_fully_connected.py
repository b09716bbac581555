"""The network that training returns: outputs, pruning, shrinking, files, ONNX."""

import io
import itertools
import pickle
import sys
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import oracles
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

import sde
from sde.features import FEATURES
from sde.training import comparison, export, fully_connected, storage
from sde.training.comparison import compare
from sde.training.fully_connected import FullyConnectedNetwork

INNER = sorted(name for name, each in FEATURES.items() if each.geometry == "inner")
DTYPES = ["float32", "float64"]


def make(seed, sizes, feature="relu", dtype="float64", rows=1, silent=0.2):
    """A network with weights in eighths, among them ties, and units without weights."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [rng.integers(-8, 9, shape).astype(dtype) / 8 for shape in shapes]
    for each in weights[:-1]:
        each[rng.random(len(each)) < silent] = 0
    return FullyConnectedNetwork(tuple(weights), feature, rows)


@st.composite
def networks(draw, features=("relu",)):
    seed, feature = draw(st.integers(0, 2**32)), draw(st.sampled_from(features))
    dtype, size = draw(st.sampled_from(DTYPES)), st.integers(1, 6)
    if draw(st.booleans()):  # wide units
        rows = draw(st.integers(2, 3))
        return make(seed, [draw(size), rows * draw(size), draw(size)], feature, dtype, rows)
    return make(seed, draw(st.lists(size, min_size=3, max_size=5)), feature, dtype)


shares = st.fractions(0, 1, max_denominator=24)
scopes = st.sampled_from(["layer", "global"])


def inputs_for(net, k=5):
    return np.random.default_rng(k).normal(size=(k, net.inputs)).astype(net.dtype)


def rounding(net, x):
    """What outputs may differ by: 100 times the precision of a bound of all that is added up.

    Features are at most 1.13 times their argument (erf), or 1. A number goes through at most 4 sums
    of at most 18 terms and 3 features good to a few units: less than 100 roundings.
    """
    size = np.abs(x).astype(float)
    for each in net.weights:
        size = np.maximum(1.13 * size, 1) @ np.abs(each.T.astype(float))
    return 100 * np.finfo(net.dtype).eps * np.maximum(size, 1)


def same(one, other):
    return len(one) == len(other) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def silent_units(net):
    rows = net.rows_per_unit
    return [~each.reshape(len(each) // rows, -1).any(axis=1) for each in net.weights[:-1]]


# --- outputs --------------------------------------------------------------------------------------


@given(networks(INNER))
def test_outputs_are_those_of_the_oracle(net):
    x = inputs_for(net)
    out = net.predict(x)
    expected = oracles.network_outputs(net.weights, net.feature, x)
    assert out.dtype == net.dtype
    assert out.shape == ((5,) if net.outputs == 1 else (5, net.outputs))
    assert (np.abs(out.reshape(expected.shape) - expected) <= rounding(net, x)).all()


@pytest.mark.parametrize("feature", INNER)
@pytest.mark.parametrize("outputs", [1, 3])
def test_mean_field_network_is_the_same_function(feature, outputs):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, outputs))
    theta = 3 * rng.normal(size=(50, 4 * outputs))
    expected = sde.MeanFieldNetwork(x, y, feature, "squared", amplitude=2.5).predict(theta)
    net = FullyConnectedNetwork.mean_field(theta, outputs, feature, 2.5)
    assert net.widths == (50,)
    assert net.rows_per_unit == outputs
    assert net.predict(x) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    single = FullyConnectedNetwork.mean_field(theta.astype(np.float32), outputs, feature, 2.5)
    assert single.dtype == np.float32
    assert single.predict(x) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_pruning_of_the_mean_field_network_is_that_of_its_state():
    theta = sde.StableNoise(1.2, "II").sample(200, 6)
    net = FullyConnectedNetwork.mean_field(theta, 2, "tanh")
    assert net.pruning_ratio() == sde.pruning_ratio(theta)
    assert (net.prune(0.9).weights[0].reshape(200, 6) == sde.prune(theta, 0.1)).all()


def test_memory_does_not_grow_with_many_outputs(monkeypatch):
    rooms, room = [], fully_connected.room_for_parts
    monkeypatch.setattr(fully_connected, "CHUNK_BYTES", 2**18)
    monkeypatch.setattr(
        fully_connected, "room_for_parts", lambda *given: rooms.append(room(*given)) or rooms[-1]
    )
    net = make(0, [3, 1000, 2000])
    net.predict(inputs_for(net, 100))
    assert max(each.nbytes for each in rooms) <= 2**18


def test_predictions_in_several_threads_are_right_and_leave_blas_as_it_was():
    net = make(0, [30, 600, 4], dtype="float32")
    inputs = [inputs_for(net, 300 + i) for i in range(8)]
    expected = [net.predict(x) for x in inputs]
    before = threadpoolctl.threadpool_info()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(net.predict, 20 * inputs))
    for one, other in zip(found, 20 * expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert threadpoolctl.threadpool_info() == before


def test_memory_does_not_grow_with_the_data(monkeypatch):
    net = make(0, [3, 1000, 2])
    x = inputs_for(net, 4000)
    expected = net.predict(x)
    monkeypatch.setattr(fully_connected, "CHUNK_BYTES", 2**18)
    net.predict(x)
    tracemalloc.start()
    found = net.predict(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20  # all features at once are 32 MB
    assert (np.abs(found - expected) < 1e-10).all()


def test_sizes():
    net = make(0, [3, 5, 4, 2], "tanh", "float32")
    assert (net.inputs, net.widths, net.outputs) == (3, (5, 4), 2)
    assert net.n_parameters == 15 + 20 + 8
    assert net.nbytes == 4 * net.n_parameters
    assert repr(net) == "FullyConnectedNetwork(3-5-4-2, feature='tanh', float32)"
    double = net.astype("float64")
    assert double.dtype == np.float64
    assert same(double.astype("float32").weights, net.weights)


def test_weights_are_shared_and_read_only():
    first = np.ones((2, 3))
    net = FullyConnectedNetwork((first, np.ones((1, 2))))
    first[:] = 2.0
    assert (net.weights[0] == 2.0).all()
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][:] = 1.0
    assert same(pickle.loads(pickle.dumps(net)).weights, net.weights)


def test_classes_and_accuracy():
    sign = FullyConnectedNetwork(([[1.0], [-1.0]], [[1.0, -1.0]]))
    x = [[2.0], [-3.0], [0.0]]
    assert sign.classify(x).tolist() == [1, -1, -1]
    assert sign.accuracy(x, [1, 1, -1]) == pytest.approx(2 / 3)
    assert sign.accuracy(x, [[1], [1], [-1]]) == pytest.approx(2 / 3)
    several = FullyConnectedNetwork((np.eye(3), np.eye(3)))
    x = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 3.0], [0.0, 0.0, 1.0]])
    assert several.classify(x).tolist() == [1, 0, 2]
    assert several.accuracy(x, [1, 2, 2]) == pytest.approx(2 / 3)
    assert several.accuracy(x, np.eye(3)[[1, 2, 2]]) == pytest.approx(2 / 3)


# --- pruning --------------------------------------------------------------------------------------


@given(networks(), shares, scopes)
def test_prune_is_its_oracle(net, ratio, scope):
    found = net.prune(float(ratio), scope=scope)
    expected = oracles.network_pruned(net.weights, ratio, scope, net.rows_per_unit)
    assert same(found.weights, expected)
    assert same(found.prune(float(ratio), scope=scope).weights, found.weights)


@given(networks(), scopes)
def test_edges_of_the_share(net, scope):
    assert same(net.prune(0.0, scope=scope).weights, net.weights)
    nothing = net.prune(1.0, scope=scope)
    assert not any(each.any() for each in nothing.weights[:-1])
    assert same(nothing.weights[-1:], net.weights[-1:])


@given(networks(), shares, shares, scopes)
def test_more_is_pruned_with_a_larger_share(net, one, other, scope):
    less, more = (
        silent_units(net.prune(float(ratio), scope=scope)) for ratio in sorted((one, other))
    )
    assert all((a <= b).all() for a, b in zip(less, more, strict=True))


@given(st.integers(1, 3000), st.integers(0, 3000))
def test_a_quotient_prunes_that_many(n, pruned):
    pruned = min(n, pruned)
    net = FullyConnectedNetwork((np.arange(1.0, n + 1)[:, None], np.ones((1, n))))
    assert np.count_nonzero(net.prune(pruned / n).weights[0]) == n - pruned


@given(networks(), st.fractions(Fraction(1, 24), Fraction(23, 24), max_denominator=24))
def test_energy_is_kept_by_as_few_units_as_can(net, energy):
    found = net.prune_to_energy(float(energy))
    layers = zip(net.weights[:-1], found.weights[:-1], strict=True)
    rows, pruned = net.rows_per_unit, 0
    for before, after in layers:
        squares = [sum(Fraction(x) ** 2 for x in each.ravel().tolist()) for each in (before, after)]
        slack = 1 - Fraction(1, 10**11)  # of sharp cases, rounding decides
        assert squares[1] >= energy * squares[0] * slack
        units = before.reshape(len(before) // rows, -1)
        kept = np.count_nonzero(after.reshape(len(units), -1).any(axis=1))
        largest = oracles.largest_prunable(units, energy) if units.any() else len(units)
        pruned += largest
        assert kept <= len(units) - largest
    assert net.pruning_ratio(float(energy)) >= pruned / sum(net.widths) - 1e-12
    assert net.pruning_ratio(float(energy)) <= np.concatenate(silent_units(found)).mean() + 1e-12


@given(st.integers(0, 2**32), shares, scopes, st.integers(0, 2))
def test_order_of_units_does_not_matter(seed, ratio, scope, layer):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in ((5, 3), (4, 5), (6, 4), (2, 6))]  # no ties
    order = rng.permutation(len(weights[layer]))

    def reordered(parts):
        parts = list(parts)
        parts[layer] = parts[layer][order]
        parts[layer + 1] = parts[layer + 1][:, order]
        return tuple(parts)

    found = FullyConnectedNetwork(reordered(weights)).prune(float(ratio), scope=scope)
    expected = FullyConnectedNetwork(tuple(weights)).prune(float(ratio), scope=scope)
    assert same(found.weights, reordered(expected.weights))


def test_curve_is_the_accuracy_of_pruned_networks():
    net = make(3, [4, 30, 20, 3], "tanh", silent=0)
    x = inputs_for(net, 40)
    y = net.classify(x)
    curve = net.pruning_curve(x, y, [0.0, 0.5, 0.9], scope="global")
    expected = [net.prune(r, scope="global").accuracy(x, y) for r in (0.0, 0.5, 0.9)]
    assert curve.accuracies.tolist() == expected
    assert curve.unpruned == 1.0
    assert len(set(expected)) > 1
    wrong = (y + 1) % 3
    assert np.isnan(net.pruning_curve(x, wrong, [0.0]).relative).all()
    some = net.pruning_curve(x, np.where(np.arange(40) < 10, wrong, y), [0.0, 0.5])
    assert some.relative.tolist() == (some.accuracies / 0.75).tolist()
    assert len(net.pruning_curve(x[:2], y[:2]).ratios) == 20


# --- shrinking ------------------------------------------------------------------------------------


@given(networks(INNER), shares)
def test_shrunk_network_is_the_same_function(net, ratio):
    pruned = net.prune(float(ratio))
    small, x = pruned.shrink(), inputs_for(net)
    difference = np.abs(small.predict(x) - pruned.predict(x)).reshape(5, -1)
    assert (difference <= 2 * rounding(net, x)).all()
    assert small.dtype == net.dtype
    constant = net.feature == "sigmoid"
    for before, after in zip(silent_units(pruned), silent_units(small), strict=True):
        assert after.sum() <= 1
        assert not after.any() or constant or len(after) == 1
        assert np.count_nonzero(~after) <= np.count_nonzero(~before)
    if not any(each.any() for each in silent_units(pruned)):
        assert same(small.weights, pruned.weights)
    assert same(small.shrink().weights, small.weights)


def test_what_reads_only_what_is_gone_goes_too():
    net = FullyConnectedNetwork(([[1.0], [0.0]], [[0.0, 3.0], [1.0, 1.0]], [[5.0, 6.0]]), "tanh")
    small = net.shrink()
    assert [each.tolist() for each in small.weights] == [[[1.0]], [[1.0]], [[6.0]]]


def test_one_silent_sigmoid_speaks_for_all():
    net = FullyConnectedNetwork(([[1.0], [0.0], [0.0]], [[1.0, 2.0, 4.0]]), "sigmoid")
    assert [each.tolist() for each in net.shrink().weights] == [[[1.0], [0.0]], [[1.0, 6.0]]]


def test_feature_of_a_user(tmp_path):
    feature = sde.register_feature("lifted", lambda a: a + 3.0, lambda _a: 1.0)
    try:
        net = FullyConnectedNetwork(([[1.0], [0.0], [0.0]], [[1.0, 2.0, 4.0]]), feature.name)
        assert net.shrink().widths == (2,)
        assert net.predict([[2.0]]).tolist() == net.shrink().predict([[2.0]]).tolist() == [23.0]
        with pytest.raises(ValueError, match="need a feature that ONNX has, got 'lifted'"):
            net.to_onnx(tmp_path / "net.onnx")
        net.save(tmp_path / "net.npz")
    finally:
        del FEATURES[feature.name]
    with pytest.raises(ValueError, match="unknown feature 'lifted'"):
        FullyConnectedNetwork.load(tmp_path / "net.npz")


# --- files ----------------------------------------------------------------------------------------


@given(networks(INNER))
def test_file_gives_the_network_back(tmp_path_factory, net):
    path = tmp_path_factory.mktemp("networks") / "any.name"
    net.save(path)
    back = FullyConnectedNetwork.load(path)
    assert same(back.weights, net.weights)
    assert (back.feature, back.rows_per_unit) == (net.feature, net.rows_per_unit)
    assert [each.name for each in path.parent.iterdir()] == ["any.name"]


def attempt(path, content):
    """The network in a file of this content, or None if it is refused as it should be."""
    path.write_bytes(content)
    try:
        return FullyConnectedNetwork.load(path)
    except ValueError as error:
        if "need a file that save() wrote" not in str(error):
            raise
        return None


def test_damage_to_any_byte_is_found_or_harmless(tmp_path):
    net, path = make(5, [2, 3, 2, 1], silent=0), tmp_path / "net.npz"
    net.save(path)
    whole, found = path.read_bytes(), []
    for at, mask in itertools.product(range(len(whole)), (0x01, 0xFF)):
        back = attempt(path, whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
        found.append(back is None)
        assert back is None or same(back.weights, net.weights)
        assert back is None or (back.feature, back.rows_per_unit) == ("relu", 1)
    assert np.mean(found) > 0.5
    for each in net.weights:  # the numbers themselves
        at = whole.index(each.tobytes())
        assert all(found[2 * at : 2 * (at + each.nbytes)])


def test_files_that_are_something_else(tmp_path):
    net, path = make(5, [3, 6, 2]), tmp_path / "net.npz"
    net.save(path)
    whole = path.read_bytes()
    assert all(attempt(path, whole[:size]) is None for size in range(0, len(whole), 7))
    foreign = {
        "npz": {"theta": np.ones(3)},
        "format": {"format": "another program 3"},
        "empty": {"format": storage.FORMAT},
        "half": {"format": storage.FORMAT, "weights_1": np.ones((2, 2))},
    }
    for arrays in foreign.values():
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        assert attempt(path, buffer.getvalue()) is None
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    for content in (b"", b"hello", buffer.getvalue(), pickle.dumps([1]), bytes(range(256)) * 9):
        assert attempt(path, content) is None
    with pytest.raises(FileNotFoundError):
        FullyConnectedNetwork.load(tmp_path / "none.npz")


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_nothing_in_a_file_is_executed(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, format=np.array(Bomb(), dtype=object))
    assert attempt(tmp_path / "bomb", buffer.getvalue()) is None
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("format", pickle.dumps(Bomb()))  # not even an array
    assert attempt(tmp_path / "bomb", (tmp_path / "bomb.npz").read_bytes()) is None


def test_failed_write_leaves_the_file_before(tmp_path, monkeypatch):
    net, path = make(5, [3, 6, 2]), tmp_path / "net.npz"
    net.save(path)

    def full_disk(file, **_content):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make(6, [3, 6, 2]).save(path)
    assert same(FullyConnectedNetwork.load(path).weights, net.weights)
    assert [each.name for each in tmp_path.iterdir()] == ["net.npz"]


# --- ONNX -----------------------------------------------------------------------------------------


def test_every_feature_has_its_operator():
    assert sorted(export.OPERATORS) == [name for name in INNER if FEATURES[name].builtin]


@pytest.mark.parametrize("feature", INNER)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "rows"), [([4, 30, 3], 1), ([4, 30, 20, 1], 1), ([4, 30, 3], 3)])
def test_runtime_computes_the_same(tmp_path, feature, dtype, sizes, rows):
    net, path = make(8, sizes, feature, dtype, rows), tmp_path / "net.onnx"
    if (feature, dtype) == ("erf", "float64"):  # onnxruntime has none
        with pytest.raises(ValueError, match=r'write network.astype\("float32"\)'):
            net.to_onnx(path)
        return
    net.to_onnx(path)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for k in (1, 7):
        x = inputs_for(net, k)
        (found,) = runtime.run(["outputs"], {"x": x})
        expected = net.predict(x).reshape(k, -1)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        scale = max(1, np.abs(expected).max())
        assert np.abs(found - expected).max() <= scale * {"float32": 1e-5, "float64": 1e-12}[dtype]


def test_model_says_what_it_needs(tmp_path):
    make(0, [3, 5, 2]).to_onnx(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 17)]
    assert [each.op_type for each in model.graph.node] == ["MatMul", "Relu", "MatMul"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_models_that_cannot_be(tmp_path, monkeypatch):
    net = make(0, [3, 5, 2])
    with monkeypatch.context() as patch:
        patch.setattr(export, "LARGEST", 100)
        with pytest.raises(ValueError, match="less than 2 GiB of weights"):
            net.to_onnx(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'levychaos\[onnx\]'"):
        net.to_onnx(tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


# --- comparison -----------------------------------------------------------------------------------


def test_comparison_takes_turns_and_medians(monkeypatch):
    full = make(1, [3, 8, 1], silent=0)
    small = full.prune(0.5).shrink()
    clock, turns = [0.0], []
    # the first call of each warms up; then full takes 4, 40, 6 seconds and small 1, 2, 30
    seconds = {id(full): iter([99, 4, 40, 6]), id(small): iter([99, 1, 2, 30])}
    plain = FullyConnectedNetwork.raw_outputs

    def slow(self, x):
        turns.append("full" if self is full else "small")
        clock[0] += next(seconds[id(self)])
        return plain(self, x)

    monkeypatch.setattr(FullyConnectedNetwork, "raw_outputs", slow)
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: clock[0])
    result = compare(full, small, inputs_for(full, 7), repeats=3)
    assert turns == ["full", "small"] * 4
    assert (result.seconds_before, result.seconds_after, result.speed_up) == (6, 2, 3)
    assert (result.bytes_before, result.bytes_after, result.size) == (256, 128, 0.5)
    x = inputs_for(full, 7)
    expected = np.abs(oracles.network_outputs(full.weights, "relu", x) - oracles.network_outputs(
        small.weights, "relu", x)).max()  # fmt: skip
    assert result.difference == pytest.approx(expected)
    assert result.difference > 0
    assert str(result).splitlines() == [
        "size: 256 B -> 128 B (50.0 %)",
        "time of 7 outputs: 6e+03 ms -> 2e+03 ms (3.0 times faster)",
        f"largest difference of outputs: {expected:.2g}",
    ]


# --- refusals -------------------------------------------------------------------------------------

ONES = np.ones((2, 3)), np.ones((1, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((np.ones((2, 3)),),), ValueError, "need a hidden layer and a readout"),
        (((np.ones((2, 3)), np.ones((1, 3))),), ValueError, r"need weights\[1\] of shape"),
        (((np.ones((2, 0)), np.ones((1, 2))),), ValueError, r"need weights\[0\] of shape"),
        (((np.ones(3), np.ones((1, 2))),), ValueError, r"need weights\[0\] of shape"),
        (((np.full((2, 3), np.nan), np.ones((1, 2))),), ValueError, r"finite weights\[0\]"),
        (((ONES[0], ONES[1].astype(np.float32)),), TypeError, "all float32 or all float64"),
        ((ONES, "gaussian"), ValueError, "need a feature of geometry 'inner'"),
        ((ONES, "relus"), ValueError, "did you mean 'relu'"),
        ((ONES, "relu", 3), ValueError, "rows_per_unit that divides"),
        (((*ONES, np.ones((1, 1))), "relu", 2), ValueError, "rows_per_unit=1 with several"),
        ((ONES, "relu", 0), ValueError, "need rows_per_unit >= 1"),
    ],
)
def test_networks_that_make_no_sense(arguments, error, message):
    with pytest.raises(error, match=message):
        FullyConnectedNetwork(*arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net.predict(np.ones((4, 2))), ValueError, "need x of shape"),
        (lambda net: net.predict([[np.inf, 0, 0]]), ValueError, "need finite x"),
        (lambda net: net.accuracy(np.ones((2, 3)), [1, 0]), ValueError, "classes -1 and"),
        (lambda net: net.accuracy(np.ones((2, 3)), [1]), ValueError, "need y of shape"),
        (lambda net: net.prune(1.5), ValueError, "need ratio between 0 and 1"),
        (lambda net: net.prune(0.5, scope="unit"), ValueError, "unknown scope"),
        (lambda net: net.prune_to_energy(-1), ValueError, "need energy between 0 and 1"),
        (lambda net: net.pruning_curve(np.ones((2, 3)), [1, 1], [2.0]), ValueError, "need ratio"),
        (lambda net: net.astype("float16"), ValueError, "unknown dtype"),
        (lambda net: net.mean_field(np.ones((3, 5)), 2, "relu"), ValueError, "outputs that divide"),
        (lambda net: compare(net, make(0, [4, 2, 1]), np.ones((1, 3))), ValueError, "same inputs"),
        (lambda net: net.astype("float32").predict([[1e39, 0, 0]]), OverflowError, "need x that"),
    ],
)
def test_calls_that_make_no_sense(call, error, message):
    with pytest.raises(error, match=message):
        call(FullyConnectedNetwork(ONES))


def test_outputs_that_overflow_are_refused():
    net = FullyConnectedNetwork((np.full((2, 1), 1e200), np.full((1, 2), 1e200)))
    with pytest.raises(OverflowError, match=r"got \[inf\] for x\[1\]"):
        net.predict([[0.0], [1.0]])
    wide = FullyConnectedNetwork((np.ones((600, 1)), np.full((1, 600), 6e305)))
    with pytest.raises(OverflowError, match=r"got \[inf\] for x\[1\]"):
        wide.predict([[0.0], [1.0]])  # what each group adds is finite
    with pytest.raises(ValueError, match="need finite"):
        replace(net).astype("float32")
