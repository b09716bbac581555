"""Numerical tests of the theorems about particle systems with stable noise.

The command `theory-checks` runs them. For a theorem of your own: `claim` (what is checked),
`verdict` (evidence, and the rule that decides), `statistics` (orders, intervals, tails), `figures`
(what to draw) and `pictures` (for teaching).
"""

__all__ = ["claim", "figures", "pictures", "statistics", "verdict"]
