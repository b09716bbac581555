"""Memory of large arrays, handed from one that is not used any more to the next.

New memory is filled with zeros, page by page, and a virtual machine may have to ask for it as well:
0.6 GB/s were seen, so that 64 MB take as long as ten steps of the particles they are for.
"""

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde.addresses import aligned

__all__ = ["MOST", "empty"]

#: Most bytes that are kept while nobody uses them.
MOST = 1 << 26

_spare: list[NDArray[np.uint8]] = []


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array with any numbers in it, like `np.empty`, that starts a page.

    Its memory is used again once the array is gone, even if a view of it is not.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not 0 < size <= MOST:
        fresh: NDArray[Any] = _new(size).view(dtype).reshape(shape)
        return fresh
    memory = _take(size)
    array: NDArray[Any] = memory[:size].view(dtype).reshape(shape)
    weakref.finalize(array, _give_back, memory).atexit = False
    return array


def _take(size: int) -> NDArray[np.uint8]:
    try:
        memory = _spare.pop()  # in one piece: no other thread gets the same
    except IndexError:
        return _new(size)
    return memory if memory.size >= size else _new(size)


def _new(size: int) -> NDArray[np.uint8]:
    memory: NDArray[np.uint8] = aligned(size, np.uint8)
    return memory


def _give_back(memory: NDArray[np.uint8]) -> None:
    _spare[:] = [memory]
