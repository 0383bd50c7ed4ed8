"""The page of lessons: which there are, and how a view is added to one."""
