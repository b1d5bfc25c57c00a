"""Pages and API of system."""
