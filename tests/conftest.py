"""Settings of all tests."""

import os
from importlib.util import find_spec

# before numba is imported: one- and two-thread runs are compared on a machine with one core too
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

import numba
import pytest
from hypothesis import settings

from sde.features import FEATURES
from sde.losses import LOSSES

# peers of the benchmark that are not installed; the command names them as missing
PEERS = {"jax": "benchmarks/peers_jax.py", "torch": "benchmarks/peers_torch.py"}
collect_ignore = [file for package, file in PEERS.items() if find_spec(package) is None]

# an example may wait for a compilation, and for other users of the machine
settings.register_profile("levychaos", deadline=None)
settings.load_profile("levychaos")


def pytest_addoption(parser):
    parser.addoption(
        "--extended",
        action="store_true",
        help="run the tests of accuracy on 10^7 points a function and of laws on 10^8 draws",
    )


@pytest.fixture
def extended(request):
    """Return whether to run a test at its full size."""
    return request.config.getoption("--extended")


@pytest.fixture
def one_thread():
    """Run a test on one thread: threads that wait for a busy core make small runs slow."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def set_threads():
    """Return what sets the number of threads for the rest of a test."""
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


@pytest.fixture
def registries():
    """Registries as they were before a snippet added to them."""
    before = dict(FEATURES), dict(LOSSES)
    yield
    for registry, content in zip((FEATURES, LOSSES), before, strict=True):
        registry.clear()
        registry.update(content)
