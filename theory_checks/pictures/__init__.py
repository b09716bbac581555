"""
Pictures for teaching, in the look of the report's figures.

A `Scene` is what one pair of axes shows: `curves` of `points`, a `line` or a `histogram`, particles
in the `plane`, or oscillators on a `circle`. `show` puts scenes side by side, `movie` plays them
one after another, and `slider` draws the scene of the values that a reader chooses. A picture is
HTML that carries its images with it: it needs no network and, once a page is rendered, no kernel.

Two lines make a picture:

>>> from theory_checks import pictures
>>> gap = pictures.curves("Gap", "n", "gap", pictures.points("measured", [16, 64], [0.2, 0.1]))
>>> pictures.show(gap, caption="It halves when n grows fourfold.").html[:8]
'<figure '
"""

from theory_checks.pictures.images import Picture, movie, show
from theory_checks.pictures.scenes import Scene, circle, curves, histogram, line, plane, points
from theory_checks.pictures.sliders import SLIDERS, Slider, slider

__all__ = [
    "SLIDERS",
    "Picture",
    "Scene",
    "Slider",
    "circle",
    "curves",
    "histogram",
    "line",
    "movie",
    "plane",
    "points",
    "show",
    "slider",
]
