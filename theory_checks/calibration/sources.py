"""Which source files a check depends on, so that results of other sources are not mixed in."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["digest", "module_files"]

PACKAGES = ("sde", "theory_checks")


def digest(*modules: str) -> str:
    """
    Return a digest of the sources of imported modules, and of all they import from their packages.

    Examples
    --------
    >>> import theory_checks.verdict
    >>> digest("theory_checks.verdict") == digest("theory_checks.verdict")
    True
    """
    found = hashlib.sha256()
    for file in sorted({file for module in modules for file in module_files(module)}):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:16]


@cache
def module_files(module: str) -> frozenset[Path]:
    """
    Return the files of a module and of what it imports from its own package and from ours.

    Examples
    --------
    >>> import theory_checks.verdict
    >>> sorted(file.name for file in module_files("theory_checks.verdict"))
    ['figures.py', 'validation.py', 'verdict.py']
    """
    packages = {*PACKAGES, module.partition(".")[0]}
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = getattr(sys.modules.get(name), "__file__", None)
        if name in found or file is None:
            continue
        found[name] = Path(file)
        imported = _imports(name, Path(file))
        waiting += [each for each in imported if each.partition(".")[0] in packages]
    return frozenset(found.values())


def _imports(module: str, file: Path) -> Iterator[str]:
    """Yield the modules that a file may import, absolute names only."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
