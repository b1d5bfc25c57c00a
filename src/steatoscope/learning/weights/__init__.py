"""Weights of the shipped models, each with its entry, card and hash."""
