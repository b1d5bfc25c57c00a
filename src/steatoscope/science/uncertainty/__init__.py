"""Intervals by resampling and calibration."""
