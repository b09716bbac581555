"""Run the command line with `python -m sde`."""

from sde.cli import app

if __name__ == "__main__":
    app(prog_name="sde")
