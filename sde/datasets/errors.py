"""What goes wrong with data: files that are missing, altered, or not what they are called."""

from importlib import import_module
from types import ModuleType

__all__ = ["DatasetError", "optional"]


class DatasetError(RuntimeError):
    """A dataset could not be found, fetched or read. The message says what to do about it."""


def optional(module: str, package: str, purpose: str) -> ModuleType:
    """Import a module of the extra `learn`, or say how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'need {package} {purpose}, got: {error}; pip install "levychaos[learn]"'
        ) from error
