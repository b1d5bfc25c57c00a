"""Pages and API of uploads."""
