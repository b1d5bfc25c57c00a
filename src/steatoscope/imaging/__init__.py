"""Files to values and back, preparation of images, and forward simulators."""
