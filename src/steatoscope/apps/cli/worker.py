"""``steatoscope worker``: a worker of its own, beside a server or on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from steatoscope.apps.cli.installation import installation_options, settings_for
from steatoscope.apps.cli.output import note


@click.command()
@installation_options
@click.option("--broker-url", help="Redis or RabbitMQ; default: STEATOSCOPE_BROKER_URL, else the job table itself.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=1, help="Studies at once, with a broker.")
@click.option("--once", is_flag=True, help="Do what is queued now, then end.")
@click.option("--follow-parent", type=int, hidden=True, help="End when this parent process is gone.")
def worker(
    data_dir: Path | None,
    database_url: str | None,
    storage_url: str | None,
    broker_url: str | None,
    concurrency: int,
    once: bool,
    follow_parent: int | None,
) -> int:
    """Analyse queued studies. Results go to the database and the file store that the server uses."""
    from steatoscope.apps.wiring.logs import start_logging
    from steatoscope.apps.wiring.service import open_service
    from steatoscope.apps.wiring.workers import work

    start_logging()
    settings = settings_for(data_dir, database_url=database_url, storage_url=storage_url, broker_url=broker_url)
    service = open_service(settings, migrate=follow_parent is None)
    if settings.broker_url and not once:
        from steatoscope.apps.wiring.celery_app import run_celery_worker

        note(f"Worker of {settings.data_dir} on the broker, {concurrency} at once.")
        return run_celery_worker(service, concurrency)
    note(f"Worker of {settings.data_dir}.")
    work(service, once=once, follow_parent=follow_parent)
    return 0
