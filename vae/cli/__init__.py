"""The command line; `python -m vae` calls it."""
