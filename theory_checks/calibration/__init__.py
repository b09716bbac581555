"""
Can the verdicts be trusted? Every claim and every mutant over many seeds.

`records` keeps what was found, `run` runs what is missing or was found with other sources,
`summary` counts, and `tables` writes.
"""

from theory_checks.calibration.records import RecordsError
from theory_checks.calibration.run import calibrate
from theory_checks.calibration.summary import Summary

__all__ = ["RecordsError", "Summary", "calibrate"]
