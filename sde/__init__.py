"""Interacting particle systems driven by stable Lévy noise.

- Noise: `StableNoise`. Initial laws: `Gaussian`, `Uniform`, `Point`, or your own `InitialLaw`.
- Systems: `MeanFieldNetwork` (extended by `register_feature` and `register_loss`), and
  `McKeanVlasov` from two plain functions.
- Runs: `simulate` and `simulate_replicates` for n interacting particles; `mean_field_flow` and
  `simulate_limit` for their limit.
- Long runs: `Checkpoints` of a run that can go on, `CheckpointError` if it can't; `simulate` also
  streams states to a Zarr store and shares particles out among MPI processes.
- Comparisons under shared noise: `chaos_gap`, `euler_error`.
- Pruning: `prune`, `compression_error`, `pruning_ratio`, and `CompressionLaw`.
"""

from sde.checkpoint import CheckpointError, Checkpoints
from sde.compression import CompressionLaw, compression_error, prune, pruning_ratio
from sde.coupling import chaos_gap, euler_error
from sde.features import register_feature
from sde.flow import Flow, mean_field_flow, simulate_limit
from sde.initial import Gaussian, InitialLaw, Point, Uniform
from sde.losses import register_loss
from sde.network import MeanFieldNetwork
from sde.replicates import simulate_replicates
from sde.simulate import Solution, simulate
from sde.stable import StableNoise
from sde.systems import McKeanVlasov, System

__all__ = [
    "CheckpointError",
    "Checkpoints",
    "CompressionLaw",
    "Flow",
    "Gaussian",
    "InitialLaw",
    "McKeanVlasov",
    "MeanFieldNetwork",
    "Point",
    "Solution",
    "StableNoise",
    "System",
    "Uniform",
    "chaos_gap",
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
]
