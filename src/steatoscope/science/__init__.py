"""Pure functions: fat from HU, echoes and B-mode; agreement; uncertainty; clinical rules."""
