"""The page Explore: its panels, figures, cache."""
