"""Vector graphics for a page: figures put into it, and gauges of intervals and regions."""

import re
from math import isfinite
from xml.etree import ElementTree

from markupsafe import Markup

from theory_checks.palette import PALETTE
from theory_checks.verdict import Quantity

__all__ = ["gauge", "inline"]

SVG = "{http://www.w3.org/2000/svg}"
DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"
LINK = "{http://www.w3.org/1999/xlink}href"
# What a drawing needs; anything else (scripts, styles for the whole page, links) is left out.
ELEMENTS = frozenset(["g", "defs", "clipPath", "path", "rect", "use", "text", "tspan"])
ATTRIBUTES = frozenset(["d", "x", "y", "width", "height", "transform", "style", "clip-path"])
COLOURS = {
    **{tone.light.lower(): f"var(--{name})" for name, tone in PALETTE.items()},
    "#000000": "currentColor",
    "#ffffff": "none",  # the paper is the page's
}
GAUGE_WIDTH, GAUGE_HEIGHT, GAUGE_MARGIN = 120, 14, 6


def inline(svg: str, prefix: str) -> Markup:
    """
    Return a figure file as an element of a page, with a title and a description.

    Its colours become variables of the page, its text takes the page's font, and what could act
    outside of the drawing is left out.

    Parameters
    ----------
    svg : str
        The text of a file that `theory_checks.plots.render` wrote.
    prefix : str
        Start of every identifier, different for each figure of a page.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If the text is not XML.

    Examples
    --------
    >>> svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>T</title></svg>'
    >>> print(inline(svg, "a"))  # doctest: +ELLIPSIS
    <svg viewBox="0 0 9 9" role="img" ...><title id="a-title">T</title><desc .../></svg>
    """
    root = ElementTree.fromstring(svg)
    attributes = {"viewBox": root.get("viewBox", ""), "role": "img"}
    attributes["aria-labelledby"] = f"{prefix}-title"
    attributes["aria-describedby"] = f"{prefix}-description"
    page = ElementTree.Element("svg", attributes)
    title = ElementTree.SubElement(page, "title", {"id": f"{prefix}-title"})
    title.text = root.findtext(f"{SVG}title")
    description = ElementTree.SubElement(page, "desc", {"id": f"{prefix}-description"})
    description.text = root.findtext(DESCRIPTION)
    _copy(root, page, prefix, _targets(root))
    return Markup(ElementTree.tostring(page, encoding="unicode"))


def _targets(root: ElementTree.Element) -> set[str]:
    """Return the identifiers to which something in a drawing refers."""
    clips = (re.findall(r"url\(#(.+?)\)", each.get("clip-path", "")) for each in root.iter())
    links = (each.get(LINK, "")[1:] for each in root.iter())
    return {*links, *(name for names in clips for name in names)}


def _copy(
    source: ElementTree.Element, parent: ElementTree.Element, prefix: str, targets: set[str]
) -> None:
    """Copy what a drawing needs from below one element to below another."""
    for child in source:
        tag = child.tag.removeprefix(SVG)
        if tag not in ELEMENTS:
            continue
        copy = ElementTree.SubElement(parent, tag, _attributes(child, prefix, targets))
        copy.text = child.text if tag in ("text", "tspan") else None
        _copy(child, copy, prefix, targets)


def _attributes(element: ElementTree.Element, prefix: str, targets: set[str]) -> dict[str, str]:
    """Return the attributes of a copied element."""
    found = {name: value for name, value in element.items() if name in ATTRIBUTES}
    if "d" in found:
        found["d"] = " ".join(found["d"].split())
    if "style" in found:
        found["style"] = _style(found["style"])
    if "clip-path" in found:
        found["clip-path"] = found["clip-path"].replace("url(#", f"url(#{prefix}-")
    if element.get("id") in targets:
        found["id"] = f"{prefix}-{element.get('id')}"
    if element.get(LINK, "").startswith("#"):
        found["href"] = f"#{prefix}-{element.get(LINK, '')[1:]}"
    return found


def _style(style: str) -> str:
    """Return a style with the page's colours and font, and without anything to load."""
    rules = [rule.strip() for rule in style.split(";")]
    kept = [rule for rule in rules if not rule.startswith("font-family") and "url(" not in rule]
    return re.sub(r"#[0-9a-f]{6}", lambda match: COLOURS.get(match[0], match[0]), "; ".join(kept))


def gauge(quantity: Quantity) -> Markup:
    """
    Return a small drawing of an interval, with the claimed region shaded.

    It repeats what the row of the table says in words, and is hidden from screen readers.

    Examples
    --------
    >>> gauge(Quantity("slope", 1.0, 0.9, 1.1, None, "reported"))
    Markup('')
    >>> "<circle" in gauge(Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">="))
    True
    """
    if quantity.relation == "reported":
        return Markup("")
    shown = [quantity.low, quantity.estimate, quantity.high, *quantity.region]
    finite = [value for value in shown if isfinite(value)]
    least, width = min(finite), max(finite) - min(finite) or 1.0
    scale = (GAUGE_WIDTH - 4 * GAUGE_MARGIN) / width

    def at(value: float) -> float:
        place = 2 * GAUGE_MARGIN + (value - least) * scale if isfinite(value) else value
        return round(min(max(place, 0.0), GAUGE_WIDTH), 1)

    (left, right), (low, high) = map(at, quantity.region), map(at, (quantity.low, quantity.high))
    return Markup(
        '<svg class="gauge {}" viewBox="0 0 {} {}" aria-hidden="true">'
        '<rect x="{}" y="0.5" width="{}" height="{}"/><path d="M{} 7H{}"/>'
        '<circle cx="{}" cy="7" r="3.5"/></svg>'
    ).format(
        quantity.status,
        *(GAUGE_WIDTH, GAUGE_HEIGHT, left, round(right - left, 1), GAUGE_HEIGHT - 1),
        *(low, high, at(quantity.estimate)),
    )
