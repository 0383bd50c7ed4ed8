"""Held-out figures, and runs compared."""
