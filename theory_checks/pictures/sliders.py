"""Pictures that follow sliders, with a kernel or without one."""

import html
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from theory_checks.pictures.images import Axis, Easel, Picture, encode, player, show
from theory_checks.pictures.scenes import Scene

__all__ = ["SLIDERS", "STATIC", "Slider", "slider"]

#: Name of the environment variable that is set while a site is made: sliders then carry all their
#: frames, as there will be no kernel.
STATIC = "LEVYCHAOS_STATIC"


@dataclass
class Slider:
    """
    A picture of the values that a reader chooses: shown where a cell returns it.

    Parameters
    ----------
    scene : callable
        Returns the scene of one choice of values, given by keyword.
    choices : dict
        The values to choose from, by keyword.
    start : dict
        The first choice.
    caption : str
        What to try.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> def scene(n):
    ...     return curves("Gap", "n", "gap", points("", [1, n], [1.0, 1 / n]))
    >>> Slider(scene, {"n": (2, 4)}, {"n": 2}, "Move n.").draw(n=4)[8:12]
    b'WEBP'
    """

    scene: Callable[..., Scene]
    choices: dict[str, Sequence[Any]]
    start: dict[str, Any]
    caption: str
    _easel: Easel | None = field(default=None, repr=False)

    def draw(self, **values: Any) -> bytes:
        """Return the image of one choice."""
        scene = self.scene(**values)
        if self._easel is None:
            self._easel = Easel(scene)
        return self._easel.draw(scene)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if os.environ.get(STATIC):
            return self.all_frames()._repr_mimebundle_()
        still = show(self.scene(**self.start), caption=self.caption)._repr_mimebundle_()
        return {**still, **self.live()}

    def live(self) -> dict[str, Any]:
        """Return the form that moves, for a notebook with a kernel; nothing without ipywidgets."""
        try:
            import ipywidgets
        except ImportError:  # of the extra `notebooks`: the still picture remains
            return {}
        for name, values in self.choices.items():
            for value in values:  # what is computed once for a value is not waited for later
                self.scene(**(self.start | {name: value}))
        image = ipywidgets.Image(value=self.draw(**self.start), format="webp")
        image.layout.max_width = "520px"
        knobs = {
            name: ipywidgets.SelectionSlider(
                description=name,
                options=[(f"{value:g}", value) for value in values],
                value=self.start[name],
            )
            for name, values in self.choices.items()
        }

        def redraw(_change: object) -> None:
            image.value = self.draw(**{name: knob.value for name, knob in knobs.items()})

        for knob in knobs.values():
            knob.observe(redraw, "value")
        caption = ipywidgets.HTML(html.escape(self.caption))
        bundle: dict[str, Any] = ipywidgets.VBox(
            [*knobs.values(), image, caption]
        )._repr_mimebundle_()
        return {kind: value for kind, value in bundle.items() if kind != "text/plain"}

    def all_frames(self) -> Picture:
        """Return the picture with every choice in it, which needs no kernel."""
        scene = self.scene(**self.start)
        frames = [
            encode(self.draw(**dict(zip(self.choices, values, strict=True))))
            for values in itertools.product(*self.choices.values())
        ]
        axes = [
            Axis(name, tuple(f"{v:g}" for v in values), list(values).index(self.start[name]))
            for name, values in self.choices.items()
        ]
        return player(frames, axes, scene, self.caption, plays=False)


#: The sliders of this session, so that a test can move them.
SLIDERS: list[Slider] = []


def slider(
    scene: Callable[..., Scene],
    *,
    caption: str,
    start: dict[str, Any] | None = None,
    **choices: Sequence[Any],
) -> Slider:
    """
    Return a picture that follows sliders; without a kernel it shows the first choice.

    Parameters
    ----------
    scene : callable
        Returns the scene of one choice of values, given by keyword.
    caption : str
        What to try.
    start : dict, optional
        Values at first; the first of each by default.
    **choices : sequence of numbers
        The values to choose from.

    Examples
    --------
    >>> from theory_checks.pictures import curves, points
    >>> def scene(n):
    ...     return curves("Gap", "n", "gap", points("", [1, n], [1.0, 1 / n]))
    >>> slider(scene, caption="Move n.", n=(2, 4)).start
    {'n': 2}
    >>> _ = SLIDERS.pop()
    """
    first = {name: values[0] for name, values in choices.items()} | (start or {})
    made = Slider(scene, dict(choices), first, caption)
    SLIDERS.append(made)
    return made
