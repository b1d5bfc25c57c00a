"""All tables in one place: importing this module fills ``Base.metadata``."""

from steatoscope.service.storage.base import Base
from steatoscope.service.storage.tables_people import Token, User, WebSession
from steatoscope.service.storage.tables_results import Correction, Job, Result, ResultFile, Review
from steatoscope.service.storage.tables_studies import Patient, Series, StoredFile, Study, Upload, UploadFile
from steatoscope.service.storage.tables_system import AuditEntry, Blob, ModelActivation, Setting

__all__ = [
    "AuditEntry",
    "Base",
    "Blob",
    "Correction",
    "Job",
    "ModelActivation",
    "Patient",
    "Result",
    "ResultFile",
    "Review",
    "Series",
    "Setting",
    "StoredFile",
    "Study",
    "Token",
    "Upload",
    "UploadFile",
    "User",
    "WebSession",
]
