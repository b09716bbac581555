"""Formulas in plain text, as marked-up text for a page and for a figure."""

import re

from markupsafe import Markup, escape

__all__ = ["mathematics", "mathtext"]

# An index or exponent: in braces, in parentheses, or one letter or number.
SCRIPT = re.compile(
    r"(?<=[^\s(\[])([_^])(?:\{([^{}]*)\}|(\([^()]*\))|(\d+|[^\W\d_]|[∞*])(?![A-Za-z_]))"
)
SIGNS = {"<=": "≤", ">=": "≥", " - ": " − "}


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
    safe = str(escape(_with_signs(text)))
    tags = {"_": "sub", "^": "sup"}

    def script(match: re.Match[str]) -> str:
        return f"<{tags[match[1]]}>{_content(match)}</{tags[match[1]]}>"

    return Markup(SCRIPT.sub(script, safe))  # escaped above


def mathtext(text: str) -> str:
    r"""
    Return a text for matplotlib, with its indices lowered and its exponents raised.

    Examples
    --------
    >>> print(mathtext("E|X_n| <= C n^(-1/2), in $"))
    E|X$_{\mathregular{n}}$| ≤ C n$^{\mathregular{−1/2}}$, in \$
    """

    def script(match: re.Match[str]) -> str:
        return rf"${match[1]}{{\mathregular{{{_content(match)}}}}}$"

    return SCRIPT.sub(script, _with_signs(text).replace("$", r"\$"))


def _with_signs(text: str) -> str:
    for written, sign in SIGNS.items():
        text = text.replace(written, sign)
    return text


def _content(match: re.Match[str]) -> str:
    """Return one index or exponent, without parentheses that its place makes superfluous."""
    content = next(group for group in match.groups()[1:] if group is not None)
    if match[3] and re.search(r"[-+/]", content):
        content = content[1:-1]
    return content.replace("-", "−")
