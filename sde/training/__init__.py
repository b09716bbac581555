"""Heavy-tailed stochastic gradient descent: recursion (2) for networks that people use."""

from sde.training.comparison import Comparison, compare
from sde.training.fit import Fit, History, Record, TrainingDivergedError
from sde.training.fully_connected import FullyConnectedNetwork
from sde.training.loop import Snapshot
from sde.training.train import train

__all__ = [
    "Comparison",
    "Fit",
    "FullyConnectedNetwork",
    "History",
    "Record",
    "Snapshot",
    "TrainingDivergedError",
    "compare",
    "train",
]
