"""Pages and API of patients."""
