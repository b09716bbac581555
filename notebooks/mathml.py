"""A Sphinx extension: formulas as MathML, which browsers show without scripts, fonts or network."""

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

__all__ = ["setup", "untagged"]


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    formula, tag = untagged(node.astext())
    label = tag or node.get("number")
    number = f'<span class="eqno">({label})</span>' if label else ""
    self.body.append(f'<div class="math">{convert(_rows(formula), display="block")}{number}</div>')
    raise nodes.SkipNode


def untagged(formula: str) -> tuple[str, str]:
    r"""Return a formula without its `\tag{...}`, and the tag: a number belongs at the margin."""
    found = re.search(r"\\tag\{(.*?)\}", formula)
    return (formula.replace(found[0], ""), found[1]) if found else (formula, "")


def _rows(formula: str) -> str:
    r"""Return a formula of several lines as an aligned one, as `.. math::` understands it."""
    lines = formula.strip()
    if r"\\" in lines and r"\begin" not in lines:
        return rf"\begin{{aligned}}{lines}\end{{aligned}}"
    return lines


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer, as `html_math_renderer = "mathml"`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
