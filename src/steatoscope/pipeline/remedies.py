"""What a refusal of a foreign image says, and what to do about it; pages translate these words."""

from __future__ import annotations

from typing import Final

US_MESSAGE: Final = "This does not look like an ultrasound picture of a liver."
US_REMEDY: Final = "Send a grey B-mode picture of the liver, upright and uncut; for CT or MRI send the DICOM series."
FLAT_MESSAGE: Final = "The picture is too dark, too bright or too even to be read."
WHOLE_REMEDY: Final = "Send the picture as the scanner stores it: the whole scan field on black, not cut or turned."
GAIN_REMEDY: Final = "Repeat the view with the usual gain, or send the original file instead of a copy of the screen."
COLOUR_REMEDY: Final = "Send the same view in grey: without colour flow, elastography or coloured marks."
CT_MESSAGE: Final = "The values are not those of a CT of a body."
CT_REMEDY: Final = "Send the original CT series of the abdomen in HU, and other kinds of image as what they are."
MR_MESSAGE: Final = "The fat map is not that of a body."
MR_REMEDY: Final = "Send the whole, unmasked series of the abdomen with all echoes, or outline the liver yourself."
NEAR_SIMULATION: Final = "It looks like a simulated picture; the file does not say so."
EVERYTHING: Final = (
    US_MESSAGE, US_REMEDY, FLAT_MESSAGE, WHOLE_REMEDY, GAIN_REMEDY, COLOUR_REMEDY, CT_MESSAGE, CT_REMEDY, MR_MESSAGE,
    MR_REMEDY, NEAR_SIMULATION,
)  # fmt: skip
