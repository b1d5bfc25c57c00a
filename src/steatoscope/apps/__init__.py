"""Entry points and the composition root."""
