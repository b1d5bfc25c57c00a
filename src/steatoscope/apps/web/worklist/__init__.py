"""Pages and API of worklist."""
