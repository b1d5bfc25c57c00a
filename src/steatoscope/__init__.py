"""Steatoscope measures fat in the liver from ultrasound, CT and MRI.

Research and decision support, never an autonomous diagnosis: a qualified clinician reviews every result.
"""

__version__ = "0.1.0"
