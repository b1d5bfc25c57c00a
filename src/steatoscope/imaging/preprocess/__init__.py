"""Preparation of images before measurement: sector, windows, resampling, signal conventions."""
