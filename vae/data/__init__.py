"""Data sets by name, and any picture brought into a data set's convention."""
