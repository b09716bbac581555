"""Claims that need no simulation, for the tests of the runner and the command line."""

from theory_checks.claim import Claim
from theory_checks.figures import Figure, Panel, Series
from theory_checks.verdict import Evidence, Quantity

CONTROL = Quantity("slope | broken", 0.0, -0.1, 0.1, -0.2, ">=")


def slope(high):
    """Return the quantity of a claim that a slope is at most -0.4."""
    return Quantity("slope_n | log-log", -0.5, -0.6, high, -0.4, "<=", role="printed")


def figure(name):
    """Return a small figure."""
    series = Series("gap", [1, 2, 4], [1.0, 0.7, 0.5])
    return Figure(name, "The *gap* falls.", (Panel("Gap", "n", "gap", (series,)),))


def claim(name, *, high=-0.45, recorded="holds", seen=None):
    """Return a claim that holds, or is inconclusive for a `high` above -0.4."""

    def check(settings):
        if seen is not None:
            seen.append((name, settings.profile, settings.seed))
        settings.advance(0.0, "simulating")
        settings.advance(0.5, "fitting")
        return Evidence((slope(high),), (CONTROL,), (figure(name),))

    return Claim(name, f"Title of {name}", "Gaps fall | fast.", "E|gap| <= C", recorded, check)


def broken(name):
    """Return a claim whose check raises."""

    def check(_settings):
        raise ArithmeticError("the state is not finite at step 3")

    return Claim(name, "Broken", "It breaks.", "1 = 2", "holds", check)
