"""A Sphinx extension: formulas as MathML, which browsers show without scripts, fonts or network."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

__all__ = ["setup"]


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    label = node.get("number")
    number = f'<span class="eqno">({label})</span>' if label else ""
    self.body.append(f'<div class="math">{convert(_rows(node.astext()), display="block")}{number}')
    self.body.append("</div>")
    raise nodes.SkipNode


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
