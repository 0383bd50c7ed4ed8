"""The page Replay: its panels, figures, cache."""
