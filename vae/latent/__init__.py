"""What is looked at: the plane, the grid, the atlas, scalar fields, interpolations, one posterior in figures."""
