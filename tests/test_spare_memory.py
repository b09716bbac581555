"""Memory that is used again: never twice at a time, and not too much of it."""

import numpy as np
import pytest

from sde import spare_memory


@pytest.fixture(autouse=True)
def _nothing_spare():
    spare_memory._spare.clear()
    yield
    spare_memory._spare.clear()


def address(array):
    return array.ctypes.data


def use_and_let_go(size):
    """Return where the memory was."""
    array = spare_memory.empty((size,), np.uint8)
    array[:] = 1
    return address(array)


def test_memory_of_an_array_that_is_gone_is_used_again():
    where = use_and_let_go(6400)
    second = spare_memory.empty((150, 8), np.float32)
    assert address(second) == where
    assert second.shape == (150, 8)
    assert second.dtype == np.float32


@pytest.mark.parametrize("size", [100, 8000, spare_memory.MOST // 8 + 100])
def test_memory_starts_a_page(size):
    assert address(spare_memory.empty((size,), np.float64)) % 4096 == 0


def test_arrays_in_use_share_no_memory():
    use_and_let_go(8000)
    arrays = [spare_memory.empty((1000,), np.float64) for _ in range(5)]
    for k, array in enumerate(arrays):
        array[:] = k
    assert [set(array) for array in arrays] == [{k} for k in range(5)]


def test_a_larger_array_gets_new_memory():
    use_and_let_go(80)
    large = spare_memory.empty((1000,), np.float64)
    large[:] = 1.0
    assert large.sum() == 1000


def test_no_more_than_the_most_is_kept():
    for size in (spare_memory.MOST, spare_memory.MOST + 1):
        use_and_let_go(size)
    assert sum(memory.size for memory in spare_memory._spare) == spare_memory.MOST


@pytest.mark.parametrize("shape", [(0, 8), (8, 0)])
def test_nothing_takes_no_memory(shape):
    assert spare_memory.empty(shape, np.float64).shape == shape
