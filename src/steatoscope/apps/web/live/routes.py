"""Routes of the start page, of preferences and of live status."""

from __future__ import annotations

import threading
from typing import Final

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.context import service
from steatoscope.apps.web.layout import register_layout
from steatoscope.apps.web.live.api import LIVE, api
from steatoscope.apps.web.live.documents import Estimates
from steatoscope.apps.web.live.pages import pages
from steatoscope.apps.web.live.watch import Live, Watcher

MOST_STREAMS: Final = 8


def register(app: OpenAPI) -> None:
    """Add the routes to the application; ``LIVE_MOST_STREAMS`` bounds the event streams of one process."""
    register_layout(app)
    with app.app_context():
        database = service().database
    estimates = Estimates()
    places = threading.BoundedSemaphore(app.config.get("LIVE_MOST_STREAMS", MOST_STREAMS))
    app.extensions[LIVE] = Live(Watcher(database, estimates), estimates, places)
    app.register_api(api)
    app.register_blueprint(pages)
