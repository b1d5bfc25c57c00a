"""Network architectures; the only room, with training, that knows torch."""
