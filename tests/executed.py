"""The notebooks, each executed once for all tests."""

import functools

from notebooks import execution


@functools.cache
def run(path):
    """Return the run of a notebook; its own time does not include kernels compiled for all."""
    execution.warm()
    return execution.execute(path)
