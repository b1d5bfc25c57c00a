"""Pages and API of admin."""
