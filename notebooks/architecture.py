"""Draw the architecture: which module knows which, and what flows where."""

import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["FLOWS", "Flow", "layers", "svg"]

ROOT = Path(__file__).parents[1]
ROW, BOX, GAP, CHARACTER = 34, 24, 8, 7.3  # CSS pixels
STACK_WIDTH, FLOW_HEIGHT = 370, 220


@dataclass(frozen=True)
class Flow:
    """
    A step of the main path.

    Parameters
    ----------
    modules : tuple of str
        Which modules take it.
    makes : str
        What they hand on.
    """

    modules: tuple[str, ...]
    makes: str


#: From a seed to a verdict.
FLOWS = (
    Flow(("sde.random",), "random bits"),
    Flow(("sde.sampling",), "stable numbers"),
    Flow(("sde.kernels",), "steps"),
    Flow(("sde.simulate", "sde.flow"), "states, mean field"),
    Flow(("sde.coupling", "sde.compression"), "errors"),
    Flow(("theory_checks.claims", "theory_checks.statistics"), "evidence"),
    Flow(("theory_checks.verdict",), "verdict"),
    Flow(("theory_checks.runner", "theory_checks.report"), "results, report"),
)


def layers(package: str) -> list[list[str]]:
    """
    Return the layers of a package, the highest first, from the import contract.

    Examples
    --------
    >>> layers("sde")[0]
    ['__main__']
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    own = next(c for c in contracts if c["type"] == "layers" and f"{package}.cli" in c["layers"])
    rows = [[name.strip() for name in row.split("|")] for row in own["layers"]]
    return [[name.split(".", 1)[1] for name in row if "." in name] for row in rows if "." in row[0]]


def svg() -> str:
    """Return the picture; it takes its colours from the page."""
    stacks = [("sde", 0), ("theory_checks", STACK_WIDTH + 20)]
    drawn, depth = _flow(), 0.0
    for package, left in stacks:
        text, height = _stack(package, left, FLOW_HEIGHT)
        drawn, depth = drawn + text, max(depth, height)
    width, height = 2 * STACK_WIDTH + 20, FLOW_HEIGHT + depth
    about = "The main path, " + ", then ".join(
        f"{' and '.join(flow.modules)} make {flow.makes}" for flow in FLOWS
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="architecture-title" '
        'font-family="sans-serif" font-size="13" fill="var(--color-foreground-primary, #222)">'
        f'<title id="architecture-title">{escape(about)}.</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="#DB5F00"/></marker></defs>'
        f"{drawn}</svg>"
    )


def _flow() -> str:
    """Return the main path, in rows of three."""
    step = (2 * STACK_WIDTH + 20) / 3
    parts = []
    for k, flow in enumerate(FLOWS):
        x, y = step * (k % 3), 24 + 58 * (k // 3)
        name = ", ".join(module.split(".", 1)[1] for module in flow.modules)
        width = len(name) * CHARACTER + 16
        parts.append(_box(name, x, y, width, strong=True))
        start, end = x + width + 4, x + step - 6
        parts.append(
            f'<path d="M{start:.0f},{y + BOX / 2}H{end:.0f}" stroke="#DB5F00" stroke-width="2" '
            'marker-end="url(#tip)"/>'
        )
        middle = (start + end) / 2
        parts.append(
            f'<text x="{middle:.0f}" y="{y + 34}" text-anchor="middle">{flow.makes}</text>'
        )
    return _heading("What flows where", 0, 12) + "".join(parts)


def _stack(package: str, left: float, top: float) -> tuple[str, float]:
    """Return the layers of a package, and their height; a long row is broken."""
    parts = [_heading(f"{package}: a row imports only from rows below it", left, top)]
    y = top + 14.0
    used = {module for flow in FLOWS for module in flow.modules}
    for row in layers(package):
        x, first = left, True
        for name in row:
            width = len(name) * CHARACTER + 16
            if not first and x + width > left + STACK_WIDTH:
                x, y = left, y + BOX + 4
            parts.append(_box(name, x, y, width, strong=f"{package}.{name}" in used))
            x, first = x + width + GAP, False
        y += ROW
    return "".join(parts), y - top


def _heading(words: str, x: float, y: float) -> str:
    return f'<text x="{x}" y="{y}" font-weight="bold">{escape(words)}</text>'


def _box(name: str, x: float, y: float, width: float, *, strong: bool) -> str:
    colour = "#DB5F00" if strong else "var(--color-foreground-border, #888)"
    return (
        f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BOX}" rx="4" fill="none" '
        f'stroke="{colour}"/><text x="{x + 1 + width / 2:.1f}" y="{y + 16:.1f}" '
        f'text-anchor="middle" font-family="monospace" font-size="12">{escape(name)}</text>'
    )
