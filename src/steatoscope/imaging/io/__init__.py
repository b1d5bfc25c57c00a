"""Readers and writers: files to values and values to files."""
