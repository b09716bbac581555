"""
Can the verdicts be trusted? Every claim and every mutant over many seeds.

`sources` tells which files a check depends on, `records` keeps what was found, `run` runs
what is missing, `summary` counts, and `tables` writes.
"""

from theory_checks.calibration.records import RecordsError
from theory_checks.calibration.run import calibrate
from theory_checks.calibration.summary import Summary

__all__ = ["RecordsError", "Summary", "calibrate"]
