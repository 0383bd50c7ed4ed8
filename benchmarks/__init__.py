"""Measured claims, each one command that prints our figure, the baseline's and their ratio."""
