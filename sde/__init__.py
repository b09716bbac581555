"""Interacting particle systems driven by stable Lévy noise."""

from sde.features import register_feature
from sde.initial import Gaussian, InitialLaw, Point, Uniform
from sde.losses import register_loss
from sde.simulate import Solution, simulate
from sde.stable import StableNoise
from sde.systems import McKeanVlasov, MeanFieldNetwork

__all__ = [
    "Gaussian",
    "InitialLaw",
    "McKeanVlasov",
    "MeanFieldNetwork",
    "Point",
    "Solution",
    "StableNoise",
    "Uniform",
    "register_feature",
    "register_loss",
    "simulate",
]
