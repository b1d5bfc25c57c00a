"""Benchmarks: what a method scores on a data set."""
