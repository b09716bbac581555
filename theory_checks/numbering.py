"""Identifiers of claims, read as the numbers of the paper's statements."""

import re

__all__ = ["number", "paper_order", "place"]

PATTERN = re.compile(
    r"(theorem|proposition|lemma|section|equation)-(\d+|[A-Z])(?:\.(\d+))?(?:-.+)?"
)


def number(identifier: str) -> str:
    """
    Return the number of a statement as it is printed, or an identifier that has none as it is.

    Examples
    --------
    >>> number("theorem-3.1"), number("section-4-moment"), number("equation-14"), number("mine")
    ('Theorem 3.1', 'Section 4', 'Equation (14)', 'mine')
    """
    match = PATTERN.fullmatch(identifier)
    if match is None:
        return identifier
    kind, major, minor = match.groups()
    digits = f"{major}.{minor}" if minor else major
    return f"Equation ({digits})" if kind == "equation" else f"{kind.capitalize()} {digits}"


def place(identifier: str) -> str:
    """
    Return the section or appendix that holds a statement, where its number tells.

    Examples
    --------
    >>> place("theorem-3.1"), place("lemma-C.2"), place("section-4-moment"), place("equation-14")
    ('Section 3', 'Appendix C', '', '')
    """
    match = PATTERN.fullmatch(identifier)
    if match is None or match[1] in ("section", "equation"):
        return ""
    return f"{'Section' if match[2].isdigit() else 'Appendix'} {match[2]}"


def paper_order(identifier: str) -> tuple[int, int, str, int]:
    """
    Return a key that sorts by sections, then appendices, equations and identifiers without number.

    Examples
    --------
    >>> sorted(["equation-14", "lemma-C.1", "theorem-4.1", "section-4-moment"], key=paper_order)
    ['section-4-moment', 'theorem-4.1', 'lemma-C.1', 'equation-14']
    """
    match = PATTERN.fullmatch(identifier)
    if match is None:
        return (3, 0, "", 0)
    kind, major, minor = match.groups()
    if kind == "equation":
        return (2, int(major), "", 0)
    if major.isdigit():
        return (0, int(major), "", int(minor or 0))
    return (1, 0, major, int(minor or 0))
