"""Fitting models; needs the train or dev extra."""
