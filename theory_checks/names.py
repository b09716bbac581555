"""
Names that a shell completes: literals, because a shell can't wait for the simulator to be imported.

The registries are `theory_checks.claims` and `theory_checks.mutants`; a test compares.
"""

__all__ = ["CLAIMS", "MUTANTS"]

CLAIMS = (
    "theorem-3.1",
    "theorem-4.1",
    "theorem-4.2",
    "theorem-4.3",
    "proposition-A.1",
    "proposition-B.1",
    "lemma-C.1",
    "lemma-C.2",
    "lemma-C.3",
    "lemma-D.1",
    "equation-14",
    "section-2-compressibility",
    "section-4-moment",
)

MUTANTS = (
    "rate",
    "tail-index-low",
    "tail-index-high",
    "tail-constant-high",
    "tail-constant-low",
    "root-two",
    "noise-scale",
    "sigma",
    "compression-law",
    "euler-error",
    "bound",
)
