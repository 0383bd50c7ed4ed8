"""The page ELBO: its panels, figures, cache."""
