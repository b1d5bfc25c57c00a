"""Words of refusals that pages translate: messages, causes with their numbers, and remedies."""

from __future__ import annotations

from typing import Final

from steatoscope.pipeline import remedies

REFUSAL_TEXTS: Final = (
    *remedies.EVERYTHING,
    "The scan sector holds no tissue.",
    "No voxel has signal.",
    "Its brightness is far from that of the training scanner: the spread was doubled, the value is untested.",
)
REFUSAL_PATTERNS: Final = (
    "Its distance from pictures of livers is {n_score} times the largest that is let pass.",
    "Only {n_share}% of the outline fits a scan sector (at least {n_least}%).",
    "{n_share}% of the scan sector is black (at most {n_most}%).",
    "{n_share}% of the scan sector is white (at most {n_most}%).",
    "The grey levels of the scan sector vary by {n_spread} of 255 (at least {n_least}).",
    "No B-mode scan sector was found (grey levels vary by {n_spread} of 255).",
    "Every frame carries colour ({n_share}% of the pixels or more; at most {n_most}% is let pass).",
    "View {name} was left out: {cause}",
    "{n_share}% of the body has the attenuation of fat (at least {n_least}%).",
    "{n_share}% of the body has the attenuation of soft tissue (at least {n_least}%).",
    "Bone, a patch above {n_hu} HU of {n_share}% of the body or more, is in {n_bony} of {n_slices} slices (at least "
    "{n_least}%).",
    "The speckle varies by {n_spread} of 255 grey levels (at least {n_least}).",
    "The tissue varies by {n_spread} of 255 grey levels (at least {n_least}).",
    "{n_share}% of the voxels with signal are fat (at least {n_least}% in a body).",
    "{n_volume} mL are in view, about {n_low} to {n_high} % of an adult's liver (700 to 1720 mL).",
    "{n_volume} mL are in view, about {n_share} % of an adult's liver (700 to 1720 mL).",
)
