"""Classical organ finding by intensity, position and morphology."""
