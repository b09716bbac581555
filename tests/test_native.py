"""Access to the compiler: functions that are called from compiled code, and through addresses."""

import os
import pickle
import subprocess
import sys
from typing import NamedTuple

import numba
import numpy as np
from numba import types

import sde
from sde.native import Callee, call_at, compiled, typed_function
from sde.sweeps import sweeper


def test_a_callee_is_compiled_for_python_only_when_python_calls_it():
    @compiled()
    def square(x: float) -> float:
        return x * x

    @numba.njit
    def of_three() -> float:
        return square(3.0)

    assert isinstance(square, Callee)
    assert of_three() == 9.0
    (native,) = square.inner.overloads.values()
    code, names = native.library.get_llvm_str(), native.fndesc
    assert names.llvm_func_name in code
    assert names.llvm_cpython_wrapper_name not in code
    assert names.llvm_cfunc_wrapper_name not in code
    assert not square.outer.signatures
    assert square(4.0) == 16.0
    (native,) = square.outer.overloads.values()
    assert native.fndesc.llvm_cpython_wrapper_name in native.library.get_llvm_str()


def test_a_callee_divides_by_zero_as_numbers_do_wherever_it_is_called_from():
    @compiled()
    def inverse(x: float) -> float:
        return 1.0 / x

    @numba.njit
    def of_zero() -> float:
        return inverse(0.0)

    assert of_zero() == inverse(0.0) == np.inf


def test_a_pickled_callee_computes_the_same():
    copy = pickle.loads(pickle.dumps(compiled()(lambda x: x + 0.5)))

    @numba.njit
    def of_two() -> float:
        return copy(2.0)

    assert of_two() == copy(2.0) == 2.5


class Given(NamedTuple):
    factor: float
    numbers: np.ndarray
    inner: tuple[int, bool]


def test_a_typed_function_gets_what_it_is_called_with():
    given = Given(0.5, np.arange(6.0).reshape(2, 3), (4, True))

    @typed_function(types.float64, numba.typeof(given), types.float32)
    def total(given: Given, more: float) -> float:
        result = given.factor * given.numbers.sum() + more
        return result + given.inner[0] if given.inner[1] else -1.0

    @numba.njit
    def call(address: int, given: Given, more: float) -> float:
        return call_at(address, (given, more), np.float64)

    assert call(total.address, given, np.float32(0.25)) == 7.5 + 0.25 + 4
    off = given._replace(inner=(4, False), numbers=given.numbers[:1].copy())
    assert call(total.address, off, np.float32(0.25)) == -1.0


def test_systems_of_one_precision_are_swept_by_one_function():
    def observable(theta, out):
        out[0] = theta[0]

    def drift(theta, mean_field, out):
        out[0], out[1] = mean_field[0] - theta[0], -theta[1]

    user = sde.McKeanVlasov(2, 1, observable, drift)
    small = sde.MeanFieldNetwork([[0.3, 0.1]], [1])
    large = sde.MeanFieldNetwork(np.full((3, 40), 0.1), [1, -1, 1], feature="sine")
    draws = sde.StableNoise(1.5, "II").draws(0.1, 0, 0)

    def found(system: sde.MeanFieldNetwork | sde.McKeanVlasov, dtype: str) -> int:
        theta = np.zeros((5, system.dim), dtype)
        pieces = system.pieces_in(theta.dtype)
        return sweeper(pieces, draws, theta, np.empty((0, 0), pieces.inputs.dtype))

    double = {found(system, "float64") for system in (user, small, large)}
    single = {found(system, "float32") for system in (small, large)}
    # a user's functions are written for float64
    mixed = found(user, "float32")
    assert len(double) == len(single) == 1
    assert len({*double, *single, mixed}) == 3
    # nor do the slopes, of which there may be none, tell them apart
    state, nothing = np.zeros((5, 2), "float32"), np.empty((0, 0))
    alike = [sweeper(s.pieces_in(state.dtype), draws, state, nothing) for s in (user, small)]
    assert alike[0] != alike[1]


def test_the_next_process_finds_everything_in_the_cache(tmp_path):
    # a function that holds an intrinsic in a variable is compiled anew in every process
    program = (
        "import sde\n"
        "net = sde.MeanFieldNetwork([[1.0, 0.5], [0.3, 0.2]], [1, -1])\n"
        "sde.simulate(net, sde.StableNoise(1.5, 'II'), n=1000, t1=1.0, dt=1 / 16)\n"
    )
    cache = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "1"}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], env=cache, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert "data saved" in first
    assert "data loaded" in second
    assert "data saved" not in second
