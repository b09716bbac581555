"""One BLAS thread for kernels that call BLAS from their own threads."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]

_LOCK = threading.RLock()


@functools.cache
def _controller() -> Any:
    """Find the BLAS libraries that are loaded: the one that numba calls is SciPy's."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads the library that numba calls

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS start no threads within a block.

    The limit is the process's. Two threads that set and reset it by turns could leave it behind,
    so the second waits for the first: both would want all cores anyway.
    """
    with _LOCK, _controller().limit(limits=1, user_api="blas"):
        yield
