"""Settings of all tests."""

import os

# before numba is imported: one- and two-thread runs are compared on a machine with one core too
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))
