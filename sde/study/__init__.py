"""
Studies that nothing computed is lost from: work items, their store, and who computes them.

`store` keeps what items found, `packing` makes values into bytes that execute nothing when they are
read, `sources` tells the version of code. `items` computes what is missing, in this process, in
local ones (`processes`) or on a cluster (`cluster`).
"""

from sde.study.items import Alone, Crew, Item, ItemError, WorkerError, compute
from sde.study.packing import PackingError, pack, unpack
from sde.study.processes import Processes, cores
from sde.study.sources import digest, module_files
from sde.study.store import DiskError, Finished, Key, Store, StoreError

__all__ = [
    "Alone",
    "Crew",
    "DiskError",
    "Finished",
    "Item",
    "ItemError",
    "Key",
    "PackingError",
    "Processes",
    "Store",
    "StoreError",
    "WorkerError",
    "compute",
    "cores",
    "digest",
    "module_files",
    "pack",
    "unpack",
]
