"""A table that takes seconds, and the command line with it: `python tests/tiny_tables.py ...`."""

from sde.tables import published
from sde.tables.published import Cell, Row, Table

TINY = Table(
    "Table 0",
    "digits",
    "own",
    width=64,
    kind="II",
    learning_rate=0.05,
    batch_size=500,
    evaluate_every=25,
    max_steps=2000,
    usual_steps=100,
    rows=(
        Row(None, 0.0, (Cell(95.0, 0.5), Cell(10.0, 0.5), *[Cell(90.0, 30.0)] * 3)),
        Row(1.5, 0.01),
    ),
    curve=(0.0, 0.5),
)

if __name__ == "__main__":
    from sde.cli import app

    published.EXPERIMENTS["tiny"] = (TINY,)
    app()
