"""Pages and API of results."""
