"""Datasets of the paper's experiments, and `digits`, which needs no download.

`load` gives arrays, from the user's own files, the cache, or public addresses, and never from a
file whose checksum is wrong. The command line is `sde datasets list | path | fetch NAME`.
"""

from sde.datasets.errors import DatasetError
from sde.datasets.loading import Dataset, ecg5000_split, load
from sde.datasets.registry import NAMES, SOURCES
from sde.datasets.storage import fetch

__all__ = ["NAMES", "SOURCES", "Dataset", "DatasetError", "ecg5000_split", "fetch", "load"]
