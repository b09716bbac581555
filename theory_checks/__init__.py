"""Numerical tests of the theorems about particle systems with stable noise."""
