"""Claims that need no simulation, for the tests of the runner and the command line."""

from theory_checks.claim import Claim
from theory_checks.figures import Figure, Panel, Series
from theory_checks.verdict import Evidence, Quantity

CONTROL = Quantity("slope | broken", 0.0, -0.1, 0.1, -0.2, ">=")


def slope(high):
    """Return the quantity of a claim that a slope is at most -0.4."""
    return Quantity("slope_n | log-log", -0.5, -0.6, high, -0.4, "<=", role="printed")


def figure(name, panels=1):
    """Return a small figure."""
    series = (
        Series("gap", [1, 2, 4], [1.0, 0.7, 0.5], [0.9, 0.6, 0.4], [1.1, 0.8, 0.6]),
        Series("law n^(-1/2)", [1, 4], [1.0, 0.5], style="line", emphasis="law"),
        Series("bound", [1, 4], [2.0, 1.0], style="line", emphasis="guarantee"),
        Series("broken", [1, 4], [1.5, 1.5], emphasis="control"),
    )
    drawn = [Panel(f"Gap {k}", "n", "gap", series, "log", "log") for k in range(1, panels + 1)]
    return Figure(name, "The *gap* falls.", tuple(drawn))


def claim(name, *, high=-0.45, recorded="holds", seen=None, panels=1):
    """Return a claim that holds, or is inconclusive for a `high` above -0.4."""

    def check(settings):
        if seen is not None:
            seen.append((name, settings.profile, settings.seed))
        settings.advance(0.0, "simulating")
        settings.advance(0.5, "fitting")
        figures = (figure(name, panels),) if panels else ()
        return Evidence((slope(high),), (CONTROL,), figures)

    return Claim(name, f"Title of {name}", "Gaps fall | fast.", "E|gap| <= C", recorded, check)


def false(name):
    """Return a claim that fails as printed."""

    def check(_settings):
        quantities = (
            Quantity("slope, if bounded", 1.0, 0.9, 1.1, 0.0, "<=", role="printed"),
            Quantity("limit", 1.0, 0.99, 1.01, 1.0, "=", tolerance=0.1, role="corrected"),
            Quantity("width", 7.0, 7.0, 7.0, None, "reported"),
        )
        return Evidence(quantities, (CONTROL,), (figure(name),))

    return Claim(name, "False", "It is false.", "0 = 1", "fails as printed", check)


def hostile(name, text):
    """Return a claim that puts the text wherever a claim may put one."""

    def check(_settings):
        quantity = Quantity(text, -0.5, -0.6, -0.45, -0.4, "<=", role="printed")
        series = Series(text, [1, 2], [1.0, 0.7])
        drawn = Figure(name, text, (Panel(text, text, text, (series,)),))
        return Evidence((quantity,), (CONTROL, quantity), (drawn,))

    return Claim(name, text, text, text, "holds", check, setting=text, method=text)


def broken(name):
    """Return a claim whose check raises."""

    def check(_settings):
        raise ArithmeticError("the state is not finite at step 3")

    return Claim(name, "Broken", "It breaks.", "1 = 2", "holds", check)


def picklable(name):
    """Return a claim that another process can be handed."""
    return Claim(name, "Picklable", "Gaps fall.", "E|gap| <= C", "holds", _check_anywhere)


def _check_anywhere(settings):
    return Evidence((slope(-0.45 - settings.seed / 100),), (CONTROL,))
