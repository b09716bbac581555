"""Pages of the site that are made from data: the errata, and pictures for other pages."""

from importlib.metadata import version
from typing import Any

from notebooks.architecture import svg
from theory_checks.claims import CLAIMS
from theory_checks.errata import ERRATA, Erratum
from theory_checks.mathematics import mathematics

__all__ = ["architecture", "errata", "first_picture"]

PAPER = (
    "Yijun Wan, Melih Barsbey, Abdellatif Zaidi, Umut Şimşekli: *Implicit Compressibility of "
    "Overparametrized Neural Networks Trained with Heavy-Tailed SGD*, "
    "[arXiv:2306.08125](https://arxiv.org/abs/2306.08125)"
)


def errata() -> str:
    """Return the page of errata, from the one list that the report uses too."""
    head = f"""# Errata

Of {PAPER}.

Found while testing its statements numerically; each entry says what is printed (in our words), why
it fails, and what is right. To cite one: *The levychaos developers, Errata, version
{version("levychaos")}, entry E1*, with the address of this page.
"""
    false = [erratum for erratum in ERRATA if erratum.false]
    slips = [erratum for erratum in ERRATA if not erratum.false]
    parts = [head, "## Statements that are false as printed\n"]
    parts += [_entry(f"E{k}", each) for k, each in enumerate(false, 1)]
    parts += ["## Slips that leave the statement true\n"]
    parts += [_entry(f"S{k}", each) for k, each in enumerate(slips, 1)]
    return "\n".join(parts)


def _entry(number: str, erratum: Erratum) -> str:
    claim = CLAIMS[erratum.claim]
    parts = (
        ("Printed", erratum.printed),
        ("Why it fails", erratum.reason),
        ("Right", erratum.correction),
    )
    body = "".join(
        f"<p><strong>{name}.</strong> {mathematics(words)}</p>\n" for name, words in parts
    )
    return f"""({number})=
### {number} · {erratum.where}

{body}
Checked by `theory-checks run {claim.id}`: {claim.recorded}.
"""


def architecture() -> str:
    """Return the picture of the architecture, to be included in a page."""
    return f'```{{raw}} html\n<div class="architecture">{svg()}</div>\n```\n'


def first_picture(notebook: Any) -> str:
    """Return the first picture of an executed notebook, to be included in a page."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                return f"```{{raw}} html\n{output.data['text/html']}\n```\n"
    raise ValueError("need a notebook with a picture, got none in its outputs; execute it first")
