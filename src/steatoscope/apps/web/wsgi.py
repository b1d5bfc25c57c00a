"""The application for a WSGI server such as gunicorn: ``gunicorn 'steatoscope.apps.web.wsgi:create()'``.

``STEATOSCOPE_DATA_DIR`` names the data folder; the other ``STEATOSCOPE_`` variables are those of the service.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flask import Flask

from steatoscope.apps.web.app import create_app
from steatoscope.apps.wiring.service import open_service
from steatoscope.apps.wiring.settings import service_settings
from steatoscope.apps.wiring.workers import make_housekeeper, make_sender


def create() -> Flask:
    """Open the installation and make its application; raises RuntimeError where no data folder is named.

    A thread beside it sweeps the job table and sends messages for queued jobs.
    """
    folder = os.environ.get("STEATOSCOPE_DATA_DIR")
    if not folder:
        raise RuntimeError("STEATOSCOPE_DATA_DIR must name the data folder")
    settings = service_settings(Path(folder))
    service = open_service(settings)
    room = settings.scratch / "server"
    room.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(room)
    make_housekeeper(service, make_sender(settings)).start()
    return create_app(service)
