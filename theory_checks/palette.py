"""Colours of the figures, on light and on dark paper."""

from dataclasses import dataclass

__all__ = ["PALETTE", "Tone"]


@dataclass(frozen=True)
class Tone:
    """
    One colour, as it is on light and on dark paper.

    Parameters
    ----------
    light, dark : str
        Hexadecimal RGB.

    Examples
    --------
    >>> PALETTE["law"].light
    '#1B1B1B'
    """

    light: str
    dark: str


# After the palette of Okabe and Ito, moved until each colour but the grid has a contrast of 3 with
# the paper and any two stay apart under simulated protanopia, deuteranopia and tritanopia. Markers
# and dashes tell the series apart without any colour.
PALETTE: dict[str, Tone] = {
    "data-1": Tone("#0072B2", "#56B4E9"),
    "data-2": Tone("#00866A", "#2CCB9B"),
    "data-3": Tone("#C4689B", "#F0A3CC"),
    "data-4": Tone("#6B4700", "#F0C03C"),
    "data-5": Tone("#4B2FB0", "#8471FF"),
    "law": Tone("#1B1B1B", "#F2F2F2"),
    "guarantee": Tone("#DB5F00", "#FF7F3F"),
    "control": Tone("#808080", "#949494"),
    "grid": Tone("#E4E4E4", "#343A42"),
}
