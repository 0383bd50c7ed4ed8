"""All of the screen's state, as an address reads; kept for the session."""
