"""Run the command line with `python -m theory_checks`."""

from theory_checks.cli import app

if __name__ == "__main__":
    app(prog_name="theory-checks")
