"""The page Train: its panels, figures, cache."""
