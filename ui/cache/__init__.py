"""What is cached of runs, for every page."""
