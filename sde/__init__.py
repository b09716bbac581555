"""Interacting particle systems driven by stable Lévy noise.

- Noise: `StableNoise`, and `DirectionalNoise` along directions of your own. Initial laws:
  `Gaussian`, `Uniform`, `Point`, or your own `InitialLaw`.
- Systems: `MeanFieldNetwork` (extended by `register_feature` and `register_loss`), and
  `McKeanVlasov` from two plain functions.
- Runs: `simulate` and `simulate_replicates` for n interacting particles; `mean_field_flow` and
  `simulate_limit` for their limit.
- Long runs: `Checkpoints` of a run that can go on, `CheckpointError` if it can't; `simulate` also
  streams states to a Zarr store and shares particles out among MPI processes.
- Comparisons under shared noise: `chaos_gap`, `euler_error`.
- Training: `train`, which gives a `FullyConnectedNetwork`; `HeavyTailedClassifier` is the same as a
  scikit-learn estimator.
- Pruning: `prune`, `compression_error`, `pruning_ratio`, and `CompressionLaw`.
- Data: `datasets.load`.
"""

import typing as _typing

from sde import datasets as datasets
from sde.checkpoint import CheckpointError, Checkpoints
from sde.compression import CompressionLaw, compression_error, prune, pruning_ratio
from sde.coupling import chaos_gap, euler_error
from sde.datasets.errors import optional as _optional
from sde.directional import DirectionalNoise
from sde.features import register_feature
from sde.flow import Flow, mean_field_flow, simulate_limit
from sde.initial import Gaussian, InitialLaw, Point, Uniform
from sde.losses import register_loss
from sde.network import MeanFieldNetwork
from sde.replicates import simulate_replicates
from sde.simulate import Solution, simulate
from sde.stable import StableNoise
from sde.systems import McKeanVlasov, System
from sde.training import Fit, FullyConnectedNetwork, TrainingDivergedError, compare, train

if _typing.TYPE_CHECKING:
    from sde.training.classifier import HeavyTailedClassifier as HeavyTailedClassifier

__all__ = [
    "CheckpointError",
    "Checkpoints",
    "CompressionLaw",
    "DirectionalNoise",
    "Fit",
    "Flow",
    "FullyConnectedNetwork",
    "Gaussian",
    "InitialLaw",
    "McKeanVlasov",
    "MeanFieldNetwork",
    "Point",
    "Solution",
    "StableNoise",
    "System",
    "TrainingDivergedError",
    "Uniform",
    "chaos_gap",
    "compare",
    "compression_error",
    "euler_error",
    "mean_field_flow",
    "prune",
    "pruning_ratio",
    "register_feature",
    "register_loss",
    "simulate",
    "simulate_limit",
    "simulate_replicates",
    "train",
]


def __getattr__(name: str) -> _typing.Any:
    """Import the estimator when it is asked for: scikit-learn is optional, and takes a second."""
    if name != "HeavyTailedClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _optional("sklearn", "scikit-learn", "for HeavyTailedClassifier")
    from sde.training.classifier import HeavyTailedClassifier

    return HeavyTailedClassifier


def __dir__() -> list[str]:
    """Return the public names, the optional one included."""
    return sorted([*globals(), "HeavyTailedClassifier"])
