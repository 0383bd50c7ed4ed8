"""The page Compare: its panels, figures, cache."""
