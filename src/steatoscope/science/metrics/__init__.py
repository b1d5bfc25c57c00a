"""Agreement between measurements, masks and classes."""
