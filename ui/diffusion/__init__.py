"""The page Diffusion: its panels, figures, cache."""
