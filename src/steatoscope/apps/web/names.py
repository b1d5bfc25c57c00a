"""English names of roles, rights, states, grades, stages, scales and profiles; pages translate them on showing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {"viewer": "Viewer", "clinician": "Clinician", "researcher": "Researcher", "admin": "Administrator"}
)
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "queued": "Waiting",
        "running": "In analysis",
        "done": "Finished",
        "failed": "Failed",
        "refused": "Refused",
        "cancelled": "Cancelled",
    }
)
GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {"normal": "Normal", "mild": "Mild", "moderate": "Moderate", "severe": "Severe"}
)
STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "read": "Reading the files",
        "check": "Checking that the scan can be measured",
        "prepare": "Preparing the images",
        "segment": "Finding the liver",
        "localise": "Finding fatty areas",
        "measure": "Measuring",
        "grade": "Grading",
        "compare": "Comparing with healthy livers and earlier studies",
        "explain": "Explaining the result",
        "report": "Writing the report",
        "store": "Storing the results",
    }
)
SCALES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "histology": "share of fatty cells (histology scale)",
        "pdff": "proton density fat fraction",
        "mrs_pdff": "proton density fat fraction by spectroscopy",
        "dixon_sff": "signal fat fraction (two-point Dixon)",
        "ct_pdff_equiv": "fat fraction from CT",
        "us_model": "ultrasound model",
    }
)
RIGHTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "read": "Read studies and reports",
        "identity": "See names of patients",
        "upload": "Upload studies",
        "cancel": "Cancel and repeat own analyses",
        "correct": "Correct liver outlines",
        "sign": "Sign off",
        "cohort": "Use the cohort pages",
        "export": "Export tables",
        "users": "Manage users",
        "models": "Manage models",
        "settings": "Manage settings and storage",
        "audit": "Read the audit trail",
        "erase": "Export and erase patients",
    }
)
PROFILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pooled2024": "KASL guideline 2024, pooled PDFF limits",
        "tang2013": "Tang 2013, MRI PDFF",
        "japan2022": "Japan 2022, multicentre reference",
        "mrs_pisa": "Pisa, MR spectroscopy",
        "ship2017": "SHIP 2017, population study",
        "histology_nash": "NASH CRN histology",
    }
)
NAMES: Final = (ROLES, STATES, GRADES, STAGES, SCALES, RIGHTS, PROFILES)
