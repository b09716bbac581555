"""Which source files a result depends on, so that results of other sources are not mixed in."""

import ast
import hashlib
import sys
from functools import cache
from pathlib import Path

__all__ = ["digest", "module_files"]


def digest(*modules: str, packages: tuple[str, ...] = ("sde",)) -> str:
    """
    Return a digest of the sources of imported modules, and of all they import from some packages.

    Parameters
    ----------
    *modules : str
        Names of imported modules; what they import from their own package is followed too.
    packages : tuple of str
        Packages into which imports are followed.

    Examples
    --------
    >>> import sde.stable
    >>> digest("sde.stable") == digest("sde.stable")
    True
    """
    found = hashlib.sha256()
    for file in sorted({file for module in modules for file in module_files(module, packages)}):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:16]


@cache
def module_files(module: str, packages: tuple[str, ...] = ("sde",)) -> frozenset[Path]:
    """
    Return the files of a module and of what it imports from its own package and from `packages`.

    Examples
    --------
    >>> import sde.lookup
    >>> sorted(file.name for file in module_files("sde.lookup"))
    ['addresses.py', 'intrinsics.py', 'lanes.py', 'lookup.py', 'native.py']
    """
    followed = {*packages, module.partition(".")[0]}
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if name in found or file is None:
            continue
        found[name] = file
        waiting += [each for each in _imports(name, file) if each.partition(".")[0] in followed]
    return frozenset(found.values())


def _file(module: str) -> Path | None:
    """Return the file of a module, whether it is imported or only its package; None if none is."""
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file) if file else None
    package, _, name = module.rpartition(".")
    for folder in getattr(sys.modules.get(package), "__path__", []):
        for path in (Path(folder, name, "__init__.py"), Path(folder, f"{name}.py")):
            if path.is_file():
                return path
    return None


@cache
def _imports(module: str, file: Path) -> tuple[str, ...]:
    """Return the modules that a file may import."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(found)
