"""Clinical grades, baselines and the meaning of change."""
