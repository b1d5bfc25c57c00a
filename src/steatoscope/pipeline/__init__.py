"""Use cases as typed stages and the ports that they call."""
