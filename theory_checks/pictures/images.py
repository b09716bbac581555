"""Still and moving pictures: HTML that carries its images with it."""

import base64
import hashlib
import html
import io
import json
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from theory_checks.pictures.scenes import Scene
from theory_checks.plots import look

__all__ = ["Axis", "Easel", "Picture", "encode", "movie", "player", "show"]

INCHES = (5.2, 3.9)
DOTS = 100  # an inch: a frame takes less than 0.1 s, and is sharp at the width of a page
SHARP_DOTS = 160


@dataclass(frozen=True)
class Picture:
    """
    A finished picture: shown where a cell returns it.

    Parameters
    ----------
    html : str
        The picture.
    about : str
        The same in words.

    Examples
    --------
    >>> Picture("<p>∅</p>", "Nothing.")._repr_mimebundle_()["text/plain"]
    'Nothing.'
    """

    html: str
    about: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": self.about}


def show(*scenes: Scene, caption: str) -> Picture:
    """
    Return a picture of the scenes, side by side where there is room.

    Parameters
    ----------
    *scenes : Scene
        At least one.
    caption : str
        What to see.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> scene = curves("Gap", "n", "gap", points("", [1, 2], [2.0, 1.0]))
    >>> show(scene, caption="It falls.").about
    'It falls. Gap: gap against n.'
    """
    basis = 300 if len(scenes) < 3 else 210
    cells = "".join(
        f'<img src="{encode(Easel(scene, SHARP_DOTS, swift=False).draw(scene))}" '
        f'alt="{html.escape(scene.about)}" style="flex:1 1 {basis}px;min-width:0;'
        f'max-width:{_width(scene)}px;height:auto;align-self:flex-start">'
        for scene in scenes
    )
    text = (
        '<figure class="picture" style="margin:0 0 1em">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px">{cells}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
    return Picture(text, " ".join([caption, *(scene.about for scene in scenes)]))


def movie(
    scenes: Sequence[Scene], texts: Sequence[str], *, name: str, caption: str, start: int = 0
) -> Picture:
    """
    Return a moving picture, with a button that plays it and a slider for its time.

    Parameters
    ----------
    scenes : sequence of Scene
        Its frames, all of one size.
    texts : sequence of str
        What the slider says at each.
    name : str
        What the slider moves, such as "time".
    caption : str
        What to see.
    start : int
        The frame that is shown at first.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> frames = [curves("Gap", "n", "gap", points("", [1, 2], [k, 1])) for k in (2, 3)]
    >>> movie(frames, ["0", "1"], name="time", caption="It grows.").about
    'It grows. Gap: gap against n.'
    """
    easel = Easel(scenes[0])
    frames = [encode(easel.draw(scene)) for scene in scenes]
    return player(frames, [Axis(name, tuple(texts), start)], scenes[start], caption, plays=True)


class Easel:
    """
    A figure that is drawn again and again; its layout is that of the first scene.

    Parameters
    ----------
    scene : Scene
        The first scene.
    dots : int
        Dots an inch.
    swift : bool
        Whether to leave out minor ticks and to compress more.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> scene = curves("Gap", "n", "gap", points("", [1, 2], [2.0, 1.0]))
    >>> Easel(scene).draw(scene)[8:12]
    b'WEBP'
    """

    def __init__(self, scene: Scene, dots: int = DOTS, *, swift: bool = True) -> None:
        """Make the figure, and lay it out for the scene."""
        self._swift, self._quality = swift, 80 if swift else 90
        with look():
            size = (INCHES[1], INCHES[1]) if scene.square else INCHES
            self._figure = Figure(figsize=size, dpi=dots, layout="constrained")
            self._canvas: Any = FigureCanvasAgg(self._figure)
            self._axes = self._figure.add_subplot()
            scene.draw(self._axes)
            self._figure.draw_without_rendering()
            self._figure.set_layout_engine("none")

    def draw(self, scene: Scene) -> bytes:
        """Return the image of a scene."""
        with look(), io.BytesIO() as file:
            self._axes.clear()
            scene.draw(self._axes)
            if self._swift:
                self._axes.minorticks_off()  # half of the time of a frame on logarithmic axes
            canvas: Any = self._canvas  # its methods have no types
            canvas.draw()  # once; `savefig` draws twice
            Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(
                file, format="webp", quality=self._quality, method=2
            )
            return file.getvalue()


def encode(image: bytes) -> str:
    """
    Return an image as an address that contains it.

    Examples
    --------
    >>> encode(b"abc")
    'data:image/webp;base64,YWJj'
    """
    return f"data:image/webp;base64,{base64.b64encode(image).decode()}"


def _width(scene: Scene) -> int:
    """Return the width at which a scene is shown, in CSS pixels."""
    return round(100 * (INCHES[1] if scene.square else INCHES[0]))


@dataclass(frozen=True)
class Axis:
    """
    What one slider of a page moves along.

    Parameters
    ----------
    name : str
        Its label.
    texts : tuple of str
        What it says at each place.
    start : int
        The place at first.

    Examples
    --------
    >>> Axis("alpha", ("1.5", "2"), 0).texts[1]
    '2'
    """

    name: str
    texts: tuple[str, ...]
    start: int


def player(
    frames: Sequence[str], axes: Sequence[Axis], scene: Scene, caption: str, *, plays: bool
) -> Picture:
    """
    Return a picture that shows the frame of the places of its sliders.

    Parameters
    ----------
    frames : sequence of str
        Addresses of the images; the place on the last axis varies fastest.
    axes : sequence of Axis
        The sliders.
    scene : Scene
        What is shown at first.
    caption : str
        What to see.
    plays : bool
        Whether a button moves the first slider.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> scene = curves("Gap", "n", "gap", points("", [1, 2], [2.0, 1.0]))
    >>> picture = player(["a", "b"], [Axis("n", ("1", "2"), 1)], scene, "It falls.", plays=False)
    >>> 'src="b"' in picture.html
    True
    """
    first = int(np.ravel_multi_index([each.start for each in axes], [len(a.texts) for a in axes]))
    data = json.dumps({"frames": frames, "axes": [asdict(a) for a in axes], "plays": plays})
    template = files("theory_checks.pictures").joinpath("player.html").read_text(encoding="utf-8")
    text = string.Template(template).substitute(
        id=f"player-{hashlib.sha256(data.encode()).hexdigest()[:12]}",
        first=frames[first],
        about=html.escape(scene.about),
        caption=html.escape(caption),
        width=_width(scene),
        data=data.replace("</", "<\\/"),
    )
    return Picture(text, f"{caption} {scene.about}")
