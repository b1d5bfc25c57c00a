"""The proxy's settings, read by the proxy itself."""

from __future__ import annotations

import json
import subprocess

import pytest
from deploy_kit import DEPLOY, tool

FILE = DEPLOY / "proxy" / "Caddyfile"


@pytest.fixture(scope="module")
def adapted():
    done = subprocess.run(
        [tool("caddy"), "adapt", "--config", str(FILE), "--adapter", "caddyfile"],
        capture_output=True, text=True, check=True, env={"SITE_ADDRESS": "steatoscope.example.org", "HOME": "/tmp"},
    )  # fmt: skip
    return json.loads(done.stdout)


def handlers(node):
    if isinstance(node, dict):
        if "handler" in node:
            yield node
        for value in node.values():
            yield from handlers(value)
    elif isinstance(node, list):
        for value in node:
            yield from handlers(value)


def test_is_formatted_and_valid():
    done = subprocess.run([tool("caddy"), "fmt", "--diff", str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_has_no_door_of_its_own(adapted):
    assert adapted["admin"]["disabled"] is True


def test_bounds_bodies_and_times(adapted):
    (server,) = adapted["apps"]["http"]["servers"].values()
    assert server["read_header_timeout"] == 10_000_000_000
    assert server["read_timeout"] == 30 * 60 * 1_000_000_000
    (body,) = [found for found in handlers(adapted) if found["handler"] == "request_body"]
    assert body["max_size"] == 1_100_000_000


def test_the_largest_body_is_not_below_that_of_the_service(adapted):
    from steatoscope.apps.wiring.settings import ServiceSettings

    (body,) = [found for found in handlers(adapted) if found["handler"] == "request_body"]
    assert body["max_size"] >= ServiceSettings.__dataclass_fields__["most_upload_bytes"].default


def test_says_that_tls_is_to_stay(adapted):
    sets = [found["response"]["set"] for found in handlers(adapted) if found.get("response", {}).get("set")]
    assert {"Strict-Transport-Security": ["max-age=31536000"]} in sets


def test_streams_are_not_held_back_and_end_with_their_reader(adapted):
    (upstream,) = [found for found in handlers(adapted) if found["handler"] == "reverse_proxy"]
    assert upstream["upstreams"] == [{"dial": "127.0.0.1:8000"}]
    assert "flush_interval" not in upstream
    assert not any(found["handler"] == "encode" for route in adapted["apps"]["http"]["servers"].values()
                   for found in handlers(route) if "match" in found)  # fmt: skip
