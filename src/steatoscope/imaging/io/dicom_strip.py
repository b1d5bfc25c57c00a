"""Takes a patient's identity out of a DICOM header and leaves the pixels as they are, byte by byte.

The words of this module's lists are documented in ``docs/how-to/upload.md``. Text that is part of the picture stays.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_facts import age_years
from steatoscope.imaging.io.dicom_head import DicomHead, read_head
from steatoscope.imaging.io.dicom_plane import GE_COMPONENT
from steatoscope.imaging.io.dicom_tags import text

METHOD: Final = "Steatoscope: names, numbers, places, persons, comments and private elements removed"
_SIMULATED: Final = "Phantom^Simulated"
_BLANK: Final = frozenset({"PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "StudyID"})
_STARTS: Final = (
    "OtherPatient", "IssuerOfPatient", "IssuerOfAccession", "IssuerOfAdmission", "PatientInsurance", "PatientTele",
    "PatientMotherBirth", "PatientBirth", "PatientPrimaryLanguage", "ResponsiblePerson", "ResponsibleOrg",
    "ReferringPhysician", "ConsultingPhysician", "PerformingPhysician", "PhysiciansOfRecord", "PhysiciansReading",
    "RequestingPhysician", "RequestingService", "Operator", "ScheduledPerformingPhysician", "Institution", "Admission",
    "Admitting", "PersonTelephone", "PersonAddress", "PersonIdentification", "ReferencedPatient", "PlacerOrder",
    "FillerOrder", "OrderEnteredBy", "OrderEnterer", "OrderCallback", "HumanPerformer", "NamesOfIntended",
    "Interpretation", "VerifyingObserver", "AuthorObserver", "CustodialOrganization", "ContentCreator",
    "EncapsulatedDocument", "ServiceEpisode",
)  # fmt: skip
_WORDS: Final = (
    "PatientAddress PatientComments PatientReligiousPreference PatientInstitutionResidence PatientState "
    "PatientTransportArrangements RegionOfResidence CountryOfResidence Occupation EthnicGroup MilitaryRank "
    "BranchOfService MedicalRecordLocator AdditionalPatientHistory SpecialNeeds CurrentPatientLocation "
    "VisitComments ConfidentialityConstraintOnPatientDataDescription StationName DeviceSerialNumber "
    "PerformedStationName PerformedLocation PerformedStationAETitle ScheduledStationAETitle "
    "ScheduledStationName ScheduledProcedureStepLocation RequestedProcedureComments ImagingServiceRequestComments "
    "RequestAttributesSequence PerformedProcedureStepID ScheduledProcedureStepID RequestedProcedureID "
    "CommentsOnThePerformedProcedureStep RequestedProcedureLocation ReasonForTheImagingServiceRequest TextComments "
    "StudyComments AcquisitionComments FrameComments ModifiedAttributesSequence OriginalAttributesSequence "
    "DigitalSignaturesSequence ContributingEquipmentSequence Allergies MedicalAlerts PregnancyStatus "
    "RetrieveAETitle ResultsComments ReasonForVisit PatientSexNeutered"
)
_REMOVED: Final = frozenset(_WORDS.split())
_META: Final = (
    "SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "ReceivingApplicationEntityTitle",
    "PrivateInformationCreatorUID", "PrivateInformation", "SourcePresentationAddress", "SendingPresentationAddress",
    "ReceivingPresentationAddress",
)  # fmt: skip
_KEPT_PRIVATE: Final = frozenset({GE_COMPONENT, (GE_COMPONENT[0], GE_COMPONENT[1] >> 8)})


def write_stripped(head: DicomHead, target: Path, pseudonym: Callable[[str], str] | None) -> None:
    """Write a copy without identity: the PatientID becomes its pseudonym, other identifying elements go.

    The age in whole years is kept where only the date of birth was given. ``pseudonym`` None keeps the header and
    empties the preamble alone, which may hold another kind of file. From the pixel element on, all bytes are copied.
    Raises E_FORMAT where the header cannot be written again or does not read back.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _write(head, target, pseudonym)
            written = read_head(target)
    except SteatoscopeError:
        raise
    except Exception as fault:
        raise _unclean(head) from fault
    same = (written.file.pixels, written.file.pixel_bytes) == (head.file.pixels, head.file.pixel_bytes)
    if not same or (pseudonym is not None and _names_somebody(head, written)):
        raise _unclean(head)


def _write(head: DicomHead, target: Path, pseudonym: Callable[[str], str] | None) -> None:
    dataset = head.dataset
    if pseudonym is None:
        _copy_without_preamble(head, target)
        return
    _clean_top(dataset, pseudonym)
    implicit, little = dataset.original_encoding
    with target.open("wb") as sink, head.opened() as source:
        pydicom.dcmwrite(
            sink, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=False, overwrite=True
        )
        source.seek(head.start)
        shutil.copyfileobj(source, sink, 1 << 20)


def _copy_without_preamble(head: DicomHead, target: Path) -> None:
    with target.open("wb") as sink, head.opened() as source:
        start = source.read(132)
        sink.write(bytes(128) + start[128:] if start[128:] == b"DICM" else start)
        shutil.copyfileobj(source, sink, 1 << 20)


def _clean_top(dataset: FileDataset, pseudonym: Callable[[str], str]) -> None:
    name, number = text(dataset, "PatientName"), text(dataset, "PatientID")
    age = age_years(dataset) if text(dataset, "PatientAge") is None else None
    _clean(dataset, depth=0)
    code = pseudonym(number) if number else ""
    if name is not None:
        dataset.PatientName = _SIMULATED if name == _SIMULATED else code
    if number is not None:
        dataset.PatientID = code
    if age is not None:
        dataset.PatientAge = f"{int(age):03d}Y"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD[:64]
    if dataset.preamble:
        dataset.preamble = bytes(128)
    for keyword in _META:
        if keyword in dataset.file_meta:
            del dataset.file_meta[keyword]


def _clean(dataset: Dataset, depth: int) -> None:
    for tag in list(dataset.keys()):
        vr = _vr(dataset, tag)
        keyword = keyword_for_tag(tag)
        if _goes(dataset, tag, keyword, vr):
            del dataset[tag]
            if depth == 0 and keyword in _BLANK:
                setattr(dataset, keyword, "")
        elif vr == "SQ":
            for item in dataset[tag].value or ():
                _clean(item, depth + 1)


def _goes(dataset: Dataset, tag: BaseTag, keyword: str, vr: str | None) -> bool:
    if tag.is_private:
        return (tag.group, tag.element) not in _KEPT_PRIVATE
    if 0x5000 <= tag.group <= 0x50FF or 0x6000 <= tag.group <= 0x60FF or tag.group == 0x0400:
        return True
    if keyword == "ImageComments":
        return "simulated" not in (text(dataset, keyword) or "").lower()
    return vr == "PN" or keyword in _BLANK or keyword in _REMOVED or keyword == "PatientID" or _begins(keyword)


def _begins(keyword: str) -> bool:
    return keyword.startswith(_STARTS)


def _vr(dataset: Dataset, tag: BaseTag) -> str | None:
    element: Any = dataset.get_item(tag)
    if element.VR not in (None, "UN"):
        return str(element.VR)
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def _names_somebody(head: DicomHead, written: DicomHead) -> bool:
    """Whether the written header still shows what identifies; a check on the writer, not on the lists."""
    header = written.dataset
    return any(text(header, name) for name in _BLANK) or (text(header, "PatientIdentityRemoved") != "YES")


def _unclean(head: DicomHead) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=str(head.file.path),
        message="The patient's identity cannot be taken out of the DICOM header.",
        cause="The header is damaged or written against the standard, so a clean copy cannot be made.",
        remedy="Export the study again, or de-identify it before sending.",
    )
