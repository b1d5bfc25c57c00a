"""Pages and API of live."""
