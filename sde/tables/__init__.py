"""The tables of the paper's experiments, repeated."""
