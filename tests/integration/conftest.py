"""Fixtures of tests with servers and browsers: a PostgreSQL and a Redis database of a test's own, a browser."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from browser import browser_page, chromium

__all__ = ["browser_page", "chromium", "postgres_url", "redis_url"]

_POSTGRES = os.environ.get("STEATOSCOPE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
_REDIS = os.environ.get("STEATOSCOPE_TEST_REDIS", "redis://127.0.0.1:6379")
_TAKEN = "steatoscope-test-taken"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """URL of an empty PostgreSQL database that is dropped after the test; skips where no server answers."""
    psycopg = pytest.importorskip("psycopg")
    name = f"steatoscope_test_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(f"{_POSTGRES}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL server at {_POSTGRES}")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{_POSTGRES}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url() -> Iterator[str]:
    """URL of an empty Redis database (1 to 15) that no other test uses now; skips where no server answers."""
    redis = pytest.importorskip("redis")
    register = redis.Redis.from_url(f"{_REDIS}/0", socket_connect_timeout=3)
    try:
        register.ping()
    except redis.exceptions.ConnectionError:
        pytest.skip(f"no Redis server at {_REDIS}")
    number = next((n for n in range(1, 16) if register.set(f"{_TAKEN}-{n}", "1", nx=True, ex=1800)), None)
    if number is None:
        pytest.skip("all Redis databases are taken by other tests")
    own = redis.Redis.from_url(f"{_REDIS}/{number}")
    own.flushdb()
    try:
        yield f"{_REDIS}/{number}"
    finally:
        own.flushdb()
        register.delete(f"{_TAKEN}-{number}")
        own.close()
        register.close()
