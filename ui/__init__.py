"""What the pages share: page frame, state, cached resources, figures, pictures and the click on the plane."""
