"""Formulas in plain text, as marked-up text for a page."""

import re

from markupsafe import Markup, escape

__all__ = ["mathematics"]

# An index or exponent: in braces, in parentheses, or one letter or number.
SCRIPT = re.compile(
    r"(?<=[^\s(\[])([_^])(?:\{([^{}]*)\}|(\([^()]*\))|(\d+|[^\W\d_]|[∞*])(?![A-Za-z_]))"
)
SIGNS = {"&lt;=": "≤", "&gt;=": "≥", " - ": " − "}


def mathematics(text: str) -> Markup:
    """
    Return a text with its indices lowered and its exponents raised, and everything else escaped.

    Parentheses about an exponent that is a sum, a quotient or negative are left out.

    Examples
    --------
    >>> print(mathematics("E|X_n|^p <= C n^(-1/2), <b>"))
    E|X<sub>n</sub>|<sup>p</sup> ≤ C n<sup>−1/2</sup>, &lt;b&gt;
    >>> print(mathematics("Θ^(κn), q_{1-κ}, log_cosh"))
    Θ<sup>(κn)</sup>, q<sub>1−κ</sub>, log_cosh
    """
    safe = str(escape(text))
    for written, sign in SIGNS.items():
        safe = safe.replace(written, sign)
    return Markup(SCRIPT.sub(_script, safe))  # escaped above


def _script(match: re.Match[str]) -> str:
    """Return one index or exponent."""
    content = next(group for group in match.groups()[1:] if group is not None)
    if match[3] and re.search(r"[-+/]", content):
        content = content[1:-1]
    tag = "sub" if match[1] == "_" else "sup"
    return f"<{tag}>{content.replace('-', '−')}</{tag}>"
