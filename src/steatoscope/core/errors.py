"""Coded errors and warnings: each has a code, a message, a cause and a remedy.

Exit 3 means that the input is invalid; exit 4 that it is valid but a fat value is refused (see the contract in
``docs/reference/errors.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

EXIT_INVALID: Final = 3
EXIT_REFUSED: Final = 4


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """What a code means to a person: the default message, cause and remedy, and the exit code it leads to."""

    code: str
    exit_code: Literal[3, 4]
    message: str
    cause: str
    remedy: str


def _invalid(code: str, message: str, cause: str, remedy: str) -> ErrorSpec:
    return ErrorSpec(code, EXIT_INVALID, message, cause, remedy)


def _refused(code: str, message: str, cause: str, remedy: str) -> ErrorSpec:
    return ErrorSpec(code, EXIT_REFUSED, message, cause, remedy)


_SPECS = (
    _invalid(
        "E_PATH", "The path does not exist.", "Nothing was found at the given path.", "Check the spelling of the path."
    ),
    _invalid("E_EMPTY", "The file or folder is empty.", "There is no image data in it.", "Export the study again."),
    _invalid(
        "E_FORMAT",
        "The file format is not known.",
        "The content is not DICOM, NIfTI, PNG, JPEG, TIFF, MP4, AVI, MAT or ZIP.",
        "Export the study as DICOM, or see the list of formats in the documentation.",
    ),
    _invalid(
        "E_TRUNCATED",
        "The file is cut short.",
        "The content ends before the image does.",
        "Copy or export the file again.",
    ),
    _invalid(
        "E_NOPIXELS",
        "The DICOM object has no pixel data.",
        "It is a report, a directory or a header without an image.",
        "Send the image series of the study.",
    ),
    _invalid(
        "E_ARCHIVE",
        "The archive is unsafe, encrypted or damaged.",
        "It holds entries outside its own folder, is encrypted, or cannot be unpacked.",
        "Unpack it yourself and give the folder, or send a plain zip.",
    ),
    _invalid(
        "E_BOMB",
        "The image or archive is too large.",
        "It has more than 4096 pixels a side or unpacks to over 2 GiB.",
        "Send the original scan, not an enlarged copy.",
    ),
    _invalid(
        "E_SIZE",
        "The image is too small.",
        "CT and MR need 32 pixels a side, ultrasound 128.",
        "Send the original resolution, not a thumbnail.",
    ),
    _invalid(
        "E_FEW",
        "There are too few people for a reference.",
        "Percentiles need at least 20 people with a value.",
        "Add people to the cohort, or use the built-in reference.",
    ),
    _invalid(
        "E_NAN",
        "The image holds values that are not numbers.",
        "NaN or infinite values were found.",
        "Export the original images again.",
    ),
    _invalid(
        "E_MIXED",
        "The path holds several patients.",
        "Differing PatientIDs were found in one study.",
        "Give one patient's study at a time.",
    ),
    _invalid(
        "E_MODALITY",
        "The modality is wrong or not supported.",
        "The images are not ultrasound, CT or MR, or not what --modality says.",
        "Check the series, or the --modality option.",
    ),
    _invalid(
        "E_SCALE",
        "The scale of the fat map is unclear.",
        "The header does not say whether the values run to 1, 100 or 1000.",
        "Export the map with its units or rescale tags.",
    ),
    _invalid(
        "E_DEPTH",
        "The image has too few grey levels.",
        "Eight-bit CT holds no Hounsfield units, eight-bit MR no signal.",
        "Send the original DICOM series.",
    ),
    _invalid(
        "E_SLICES",
        "The slice positions contradict each other.",
        "Slices lie at the same place with different content, or cannot be put in one geometry.",
        "Send one complete series.",
    ),
    _invalid(
        "E_WEIGHTS",
        "A model's files are not the ones recorded for it.",
        "A file is missing or differs from its recorded sha256.",
        "Install the package again, or add the model again.",
    ),
    _invalid(
        "E_LABEL",
        "A training sample has no label, or a wrong one.",
        "The label is missing, unknown to the task, or contradicts another label of the same sample.",
        "Label the sample, correct the label, or take the sample out of the set.",
    ),
    _invalid(
        "E_LABELSCALE",
        "The labels are on different scales.",
        "Biopsy percent (share of cells), PDFF and other fat percentages measure different things.",
        "Train one model a scale: give one label_scale in the whole set.",
    ),
    _invalid(
        "E_ANNOTATION",
        "An annotation is missing or does not fit.",
        "A table, column, outline or mask is absent, empty where it must not be, or of another size than its image.",
        "Correct the annotation, or take the sample out of the set.",
    ),
    _invalid(
        "E_DUPLICATE",
        "The same image belongs to two subjects.",
        "Equal pixels were found under differing subjects, so no split by subject would keep them apart.",
        "Give the image to one subject, or take the copies out of the set.",
    ),
    _invalid(
        "E_SUBJECTS",
        "The training set has too few subjects.",
        "A class with one subject, or fewer subjects than folds, cannot be both learnt and tested.",
        "Add subjects, ask for fewer folds, or take the class out.",
    ),
    _invalid(
        "E_REPEATED",
        "A patient counts more than once.",
        "Coverage and calibration hold for patients, and several rows of one patient are not several patients.",
        "Give one row a patient, such as the mean or the worst of its images.",
    ),
    _invalid(
        "E_VIEW",
        "A view is missing.",
        "The task needs named views, and a sample has no view or a subject lacks one.",
        "Name the view of every sample, and give all views of every subject.",
    ),
    _refused(
        "E_NOLIVER",
        "No liver was found.",
        "Nothing in view has the place, size and brightness of a liver.",
        "Check that the liver is in view, or give --liver-mask.",
    ),
    _refused(
        "E_CONTRAST",
        "The CT is contrast-enhanced.",
        "Iodine raises the attenuation of the liver, so the unenhanced equation would hide fat.",
        "Use the unenhanced series.",
    ),
    _refused(
        "E_PHASE",
        "The contrast phase is unknown.",
        "Neither the header nor the organs in view show whether contrast was given.",
        "Send a series whose header names the phase, with the aorta and spleen in view.",
    ),
    _refused(
        "E_KVP",
        "The tube voltage is not 120 kV.",
        "The conversion to a fat fraction holds for 118 to 122 kV only.",
        "Use a 120 kV series; HU and L-S are reported.",
    ),
    _refused(
        "E_SWAP",
        "Water and fat may be exchanged.",
        "The fit has a second solution of nearly the same quality in the liver.",
        "Repeat with more echoes, or review the maps.",
    ),
    _refused(
        "E_OOD",
        "The image is unlike those the model was made from.",
        "Its features lie outside the training distribution.",
        "Use a B-mode abdominal image without overlay, or another modality.",
    ),
    _refused(
        "E_TE",
        "Echo times or field strength do not allow a fit.",
        "At least three distinct echo times (two for a two-point estimate) and the field strength are needed.",
        "Send all echoes with EchoTime and MagneticFieldStrength.",
    ),
    _refused(
        "E_IRON",
        "R2* is too high for a fat fraction.",
        "The signal decays before fat and water can be told apart.",
        "Consider another method; R2* is reported.",
    ),
    _refused(
        "E_NOISE",
        "The image is too noisy.",
        "The noise in the liver exceeds the limit of the method.",
        "Use a scan with a higher signal or a thicker slice.",
    ),
    _refused(
        "E_AGE",
        "The patient is under 18.",
        "Equations and limits were established in adults.",
        "Use a method validated in children.",
    ),
    _refused(
        "E_LEAK",
        "All images belong to the model's training data.",
        "Scoring a model on its own training images is meaningless.",
        "Give images that the model has not seen.",
    ),
)

CATALOGUE: Mapping[str, ErrorSpec] = MappingProxyType({spec.code: spec for spec in _SPECS})

WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "W_AGE": "The patient's age is unknown; limits were established in adults.",
        "W_BASELINE": "The given reference does not fit this study and was not applied.",
        "W_BIPOLAR": "Bipolar readout detected; odd and even echoes were phase-corrected.",
        "W_BORDERLINE": "The value lies close to a grade limit.",
        "W_CALIBRATION": "Air or subcutaneous fat does not have its usual HU.",
        "W_CLINICAL": "The clinical values and the image header differ: they may be of different patients.",
        "W_CONFOUNDER": "A condition that hides or imitates fat is possible.",
        "W_DATES": "Clinical values of different times were combined.",
        "W_DIXON": "Two-point Dixon: no R2* or multi-peak correction; not a PDFF.",
        "W_FIRSTMODEL": "First ultrasound model: classical features, 40 training patients, one scanner.",
        "W_IGNORED": "Files or series were left out.",
        "W_IRON": "Raised R2*: iron possible.",
        "W_KIDNEY": "No kidney was found that an index can be read in.",
        "W_KERNEL": "Sharp reconstruction kernel.",
        "W_KVP": "Tube voltage unknown; converted as 120 kV with a wider interval.",
        "W_LABEL": "Grade and fat percentage of a subject contradict each other.",
        "W_LOSSY": "Lossy or eight-bit image.",
        "W_MARKS": "Marks or words are burned in over the tissue.",
        "W_MASK": "Check the liver outline on the overlay.",
        "W_NOISE": "Noisy image.",
        "W_OOD": "The image differs from those the method was tuned on.",
        "W_PARTIAL": "The liver is only partly covered; no volume.",
        "W_SECONDARY": "Secondary capture.",
        "W_SIGN": "The phase sign was opposite to the usual convention and was turned.",
        "W_SIMULATED": "The images are simulated.",
        "W_SPACING": "The pixel size is unknown; nothing is given per centimetre.",
        "W_SPLEEN": "The spleen is unusual or not found; L-S is unreliable.",
        "W_SWAP": "Some voxels may have water and fat exchanged.",
        "W_VALUES": "Not all clinical values of the file were taken.",
        "W_T1": "T1-weighted acquisition; the fat fraction was corrected.",
        "W_TRAINED": "The model was trained on this image: its answer is no test of it.",
        "W_THICK": "Thick slices; the volume is approximate.",
        "W_TE": "Echo times look rounded or uneven.",
    }
)


@dataclass(frozen=True, slots=True)
class QualityCode:
    """One quality remark in a report: a ``W_`` or ``E_`` code and its words."""

    code: str
    message: str


def warning(code: str, detail: str = "") -> QualityCode:
    """A quality remark from the warning catalogue, with an optional detail after the standard words."""
    words = WARNINGS[code]
    return QualityCode(code, f"{words} {detail}".strip())


class UsageError(Exception):
    """Wrong usage of a command or function: exit code 2."""


class SteatoscopeError(Exception):
    """A fault or refusal with a code from :data:`CATALOGUE`; the parts default to the catalogue's words."""

    def __init__(
        self,
        code: str,
        *,
        path: str | None = None,
        message: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
    ) -> None:
        spec = CATALOGUE[code]
        self.code = code
        self.exit_code: int = spec.exit_code
        self.message = message or spec.message
        self.cause = cause or spec.cause
        self.remedy = remedy or spec.remedy
        self.path = path
        super().__init__(f"{code}: {self.message} {self.cause}")

    def document(self) -> dict[str, str | None]:
        """The error as the contract's JSON object."""
        return {
            "code": self.code,
            "message": self.message,
            "cause": self.cause,
            "remedy": self.remedy,
            "path": self.path,
        }

    def quality_code(self) -> QualityCode:
        """The error as a quality remark of a refused report."""
        return QualityCode(self.code, f"{self.message} {self.cause}")
