"""Figures for Prometheus: requests by route, and the state of the installation. Nothing about any patient."""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from steatoscope import __version__
from steatoscope.apps.wiring.heartbeats import workers
from steatoscope.apps.wiring.service import Service
from steatoscope.service.jobs.port import States
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Blob, Job, Result, Study

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The figures of one application. Several processes are added up where ``PROMETHEUS_MULTIPROC_DIR`` is set."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("steatoscope_requests", "Answered requests", labels, registry=self.registry)
        self._seconds = Histogram(
            "steatoscope_request_seconds", "Time to answer", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        self._installation = InstallationCollector(service)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request by its route's template, never by its address."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self) -> bytes:
        """All figures in Prometheus' text format."""
        requests = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            requests = CollectorRegistry()
            multiprocess.MultiProcessCollector(requests)  # type: ignore[no-untyped-call]
        state = CollectorRegistry()
        state.register(self._installation)
        return generate_latest(requests) + generate_latest(state)


class InstallationCollector(Collector):
    """Reads the state of the installation from the database whenever it is asked."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterator[Metric]:
        """Nothing: the database is not asked when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Jobs by state, queue, results by modality, storage, workers."""
        with self._service.database.reading() as session:
            jobs = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
            oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == States.QUEUED))
            modalities = session.execute(
                select(Study.modality, func.count(Result.id))
                .join(Result, Result.id == Study.current_result_id)
                .group_by(Study.modality)
            ).all()
            stored, contents = session.execute(select(func.coalesce(func.sum(Blob.size), 0), func.count())).one()
            alive = sum(worker.alive for worker in workers(session))
        age = (now() - oldest).total_seconds() if oldest else 0.0
        by_state = {state.value: jobs.get(state.value, 0) for state in States}
        yield _gauge("jobs", "Jobs by state", by_state, "state")
        yield _gauge("results", "Studies with a result by modality", {m or "?": n for m, n in modalities}, "modality")
        yield GaugeMetricFamily("steatoscope_queue_length", "Jobs that wait", value=by_state["queued"])
        yield GaugeMetricFamily("steatoscope_queue_oldest_seconds", "Age of the oldest job that waits", value=age)
        yield GaugeMetricFamily("steatoscope_storage_bytes", "Bytes of all stored contents", value=float(stored))
        yield GaugeMetricFamily("steatoscope_storage_contents", "Stored contents", value=contents)
        yield GaugeMetricFamily("steatoscope_workers_alive", "Workers heard of within a minute", value=alive)
        yield _gauge("build_info", "The running version", {__version__: 1}, "version")


def _gauge(name: str, words: str, values: dict[str, int], label: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"steatoscope_{name}", words, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
