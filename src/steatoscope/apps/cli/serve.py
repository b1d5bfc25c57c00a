"""``steatoscope serve``: web server and local workers in one, nothing else needed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from steatoscope.apps.cli.installation import installation_options, settings_for
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError

if TYPE_CHECKING:
    from steatoscope.apps.wiring.service import Service

_THREADS: Final = 64  # each watched job holds one open answer
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="Port; 0: a free one.")
@installation_options
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes; default 1, with a broker 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document when the server is ready.")
def serve(host: str, port: int, workers: int | None, as_json: bool, **where: Any) -> int:
    """Run the web application with its own workers. Stop it with Ctrl-C."""
    from steatoscope.apps.web.app import create_app
    from steatoscope.apps.wiring.logs import start_logging
    from steatoscope.apps.wiring.service import open_service
    from steatoscope.apps.wiring.single import only_server
    from steatoscope.apps.wiring.workers import make_housekeeper, make_sender

    start_logging()
    settings = settings_for(**where, workers=workers)
    count = settings.workers if workers is not None or not settings.broker_url else 0
    with only_server(settings.data_dir):
        service = open_service(settings)
        _use_scratch(settings.scratch / "server")
        server = _bind(create_app(service), host, port, settings.most_upload_bytes)
        housekeeper = make_housekeeper(service, make_sender(settings))
        housekeeper.start()
        try:
            with _workers(service, count):
                _tell(service, _address(host, server.effective_port), as_json)
                if host not in _LOOPBACK and not settings.secure_cookies:
                    note("This address can be reached by others, and without TLS: put a proxy before it.")
                server.run()
        finally:
            server.close()
            housekeeper.close()
            service.database.dispose()
    note("Stopped.")
    return 0


def _use_scratch(folder: Path) -> None:
    """Keep request bodies that spill to disk under the data folder; what an earlier server left is removed."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tempfile.tempdir = str(folder)


def _bind(app: Any, host: str, port: int, most_bytes: int) -> Any:
    from waitress.server import create_server

    try:
        return create_server(
            app,
            host=host,
            port=port,
            threads=_THREADS,
            connection_limit=512,
            asyncore_use_poll=True,
            max_request_body_size=most_bytes,
            channel_timeout=120,
            clear_untrusted_proxy_headers=False,  # the application itself decides whether it stands behind a proxy
            ident=None,
        )
    except OSError as fault:
        raise UsageError(f"cannot listen on {host} port {port}: {fault.strerror or fault}") from fault


@contextmanager
def _workers(service: Service, count: int) -> Iterator[None]:
    """Workers for as long as the block runs. SIGTERM tells them to end at once, while the server finishes answers."""
    from steatoscope.apps.wiring.workers import worker_processes

    supervisor = worker_processes(service, count)
    supervisor.start()

    def stop(*_given: object) -> None:
        supervisor.begin_close()
        raise SystemExit(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        supervisor.close()


def _address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _tell(service: Service, url: str, as_json: bool) -> None:
    from steatoscope import __version__
    from steatoscope.apps.web.accounts.first_run import setup_code

    if (code := setup_code(service)) is not None:
        note(f"Set up at {url}/setup?code={code}")
    if as_json:
        emit({"url": url, "data_dir": str(service.settings.data_dir), "version": __version__})
    else:
        note(f"Steatoscope {__version__} at {url} (process {os.getpid()}, data in {service.settings.data_dir})")
