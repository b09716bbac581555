"""Notebooks that teach the theory, and the site that is made of them."""
