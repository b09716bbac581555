"""Figures: their data are checked, and what is drawn is there and is the same every time."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from matplotlib.image import imread

from theory_checks.figures import Figure, Panel, Series
from theory_checks.plots import draw_panel, look, render


def example():
    """Return a figure with every style and emphasis, on linear and logarithmic axes."""
    n = np.array([16.0, 32.0, 64.0, 128.0])
    gap = 3 / np.sqrt(n)
    gaps = (
        Series("measured", n, gap, 0.8 * gap, 1.2 * gap),
        Series("fit", n, gap, 0.9 * gap, 1.1 * gap, "line"),
        Series("guarantee", n, 4 * gap, style="line", emphasis="guarantee"),
        Series("sharp law", n, gap, style="line", emphasis="law"),
        Series("control", n, 0 * n + 5, 0 * n - 1, 0 * n + 6, emphasis="control"),
        Series("", n, 0 * n + 5, style="line", emphasis="control"),
    )
    edges = np.linspace(0, 3, 7)
    law = (
        Series("measured law", edges, [0, 1, 3, 2, 1, 0], style="histogram"),
        Series("band of the law", edges, edges, edges - 0.5, edges + 0.5, "band", "law"),
        Series("control law", edges, np.ones(6), style="histogram", emphasis="control"),
    )
    panels = (
        Panel("Gap", "number of particles n", "gap", gaps, "log", "log"),
        Panel("Law", "gap", "density", law),
    )
    return Figure("theorem-0", "The gap falls & the law fits.", panels)


def test_both_files_exist_and_the_image_is_not_blank(tmp_path):
    names = ["theorem-0.png", "theorem-0.svg", "theorem-0.panel-1.svg", "theorem-0.panel-2.svg"]
    assert render(example(), tmp_path) == names
    image = imread(tmp_path / "theorem-0.png")[..., :3]
    assert image.shape[0] > 400
    assert image.shape[1] > 1000
    inked = np.mean(np.any(image < 0.9, axis=-1))
    assert 0.01 < inked < 0.5
    for half in np.array_split(image, 2, axis=1):
        assert np.mean(np.any(half < 0.9, axis=-1)) > 0.01


def test_the_text_of_the_svg_is_text(tmp_path):
    render(example(), tmp_path)
    text = (tmp_path / "theorem-0.svg").read_text()
    for part in ("number of particles n", "sharp law", "guarantee", "band of the law", ">128<"):
        assert part in text


def test_exponents_are_raised_in_titles_labels_and_legends():
    axes = Canvas().add_subplot()
    series = Series("rate n^(-1/2)", [1, 2], [1, 0.5], style="line")
    with look():
        draw_panel(axes, Panel("W^α at $1", "x_k^2", "E[W <= x]", (series,)))
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == r"rate n$^{\mathregular{−1/2}}$"
    assert axes.get_title(loc="left") == r"W$^{\mathregular{α}}$ at \$1"
    both = r"x$_{\mathregular{k}}$$^{\mathregular{2}}$"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (both, "E[W ≤ x]")
    axes.figure.draw_without_rendering()  # matplotlib can read it


@pytest.mark.parametrize(
    ("x", "ticked"),
    [
        ([8, 16, 32, 64, 128, 256], ["8", "16", "32", "64", "128", "256"]),
        # twelve equal steps on 3.4 inches, of which a label of three characters takes 0.3
        (
            np.round(64 * 2 ** np.arange(0, 3.1, 0.25)),
            ["64", "91", "128", "181", "256", "362", "512"],
        ),
        ([2e-7, 0.25, 4e6], ["2·10⁻⁷", "0.25", "4·10⁶"]),
    ],
)
def test_ticks_are_points_whose_labels_do_not_overlap(x, ticked):
    assert [label.get_text() for label in drawn_on_logarithmic_axes(x).get_xticklabels()] == ticked


@pytest.mark.parametrize("x", [2.0 ** np.arange(3, 20), [5.0]])
def test_powers_of_ten_are_ticks_where_points_have_no_room_or_no_distance(x):
    axes = drawn_on_logarithmic_axes(x)
    assert set(np.log10(axes.get_xticks()) % 1) == {0.0}


def drawn_on_logarithmic_axes(x):
    x = np.asarray(x, float)
    with look():
        axes = Canvas().add_subplot()
        draw_panel(axes, Panel("title", "n", "error", (Series("data", x, x),), "log", "log"))
    return axes


def test_each_panel_is_a_file_with_its_content_in_words(tmp_path):
    render(example(), tmp_path)
    first, second = ((tmp_path / f"theorem-0.panel-{k}.svg").read_text() for k in (1, 2))
    for part in ("<title>Gap</title>", "gap (logarithmic) against number of particles n", ">128<"):
        assert part in first
    assert "sharp law (sharp law): line from 0.75 at 16 to 0.265 at 128" in first
    assert "<title>Law</title>" in second
    assert "number of particles" not in second


def test_the_svg_has_the_same_bytes_in_another_process_and_style(tmp_path):
    render(example(), tmp_path)
    first = (tmp_path / "theorem-0.svg").read_bytes()
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": False}):
        render(example(), tmp_path)
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "theorem-0.svg").read_bytes() == first
    code = "from test_plots import example, render; render(example(), '.')"
    path = ":".join(sys.path)
    (tmp_path / "again").mkdir()
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path / "again", env={"PYTHONPATH": path}
    )
    assert (tmp_path / "again" / "theorem-0.svg").read_bytes() == first


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"y": [1.0]}, ValueError, "need 2 values in y"),
        ({"x": [], "y": []}, ValueError, "need at least 1 values in x"),
        ({"y": [1.0, np.nan]}, ValueError, "not finite"),
        ({"y": ["a", "b"]}, TypeError, "need real numbers"),
        ({"low": [0.0, 0.0]}, ValueError, "need both low and high"),
        ({"low": [3.0, 0.0], "high": [4.0, 4.0]}, ValueError, "need low <= y <= high"),
        ({"style": "band"}, ValueError, "its style is 'band'"),
        ({"style": "histogram"}, ValueError, "one fewer than edges"),
        ({"style": "dots"}, ValueError, "need style to be one of"),
        ({"emphasis": "guarante"}, ValueError, "did you mean guarantee"),
    ],
)
def test_a_series_refuses_what_cannot_be_drawn(changes, error, message):
    with pytest.raises(error, match=message):
        Series(**{"label": "s", "x": [1.0, 2.0], "y": [1.0, 2.0], **changes})


def test_panels_and_figures_refuse_what_cannot_be_drawn():
    series = Series("s", [0.0, 1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="need x > 0 on the logarithmic axis"):
        Panel("p", "x", "y", (series,), "log")
    with pytest.raises(ValueError, match="at least one series"):
        Panel("p", "x", "y", ())
    with pytest.raises(ValueError, match="need y_scale to be one of"):
        Panel("p", "x", "y", (series,), "linear", "logit")
    with pytest.raises(TypeError, match="need Series"):
        Panel("p", "x", "y", ("s",))
    with pytest.raises(ValueError, match="at least one panel"):
        Figure("f", "c", ())
    with pytest.raises(ValueError, match="need letters"):
        Figure("a/b", "c", (Panel("p", "x", "y", (series,)),))
