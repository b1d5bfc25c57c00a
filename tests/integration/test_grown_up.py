"""The processes of the compose file, natively: proxy with TLS, gunicorn, Celery worker, PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.service, pytest.mark.slow]
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BIN = Path(sys.executable).parent
MOST_BODY = 8_000_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ready: Callable[[], Any], seconds: float, words: str) -> Any:
    """The first true answer of ``ready``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.2)
    raise AssertionError(words)


def image_command() -> list[str]:
    """What the image runs where no command is given."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    found: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
    return [word.replace("/etc/steatoscope", str(DEPLOY)) for word in found]


def compose_command(name: str, data_dir: Path) -> list[str]:
    """What the compose file lets a service run."""
    services = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return [word.replace("/var/lib/steatoscope", str(data_dir)) for word in services[name]["command"]]


@contextmanager
def started(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end at the end of the block, and must do so in good order."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]], env=environment, stdout=file, stderr=file, cwd=log.parent
        )
    try:
        yield process
        assert process.poll() is None, f"{command[0]} ended by itself: {log.read_text()[-2000:]}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, log.read_text()[-2000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass
class Site:
    """The running service as its users reach it."""

    url: str
    web: str
    authority: Path
    folder: Path
    token: str
    password: str
    worker: int

    def session(self) -> Any:
        """A client that trusts the site's own authority and nothing else."""
        import requests

        found = requests.Session()
        found.verify = str(self.authority)
        found.trust_env = False
        return found

    def program(self) -> Any:
        """A client with the clinician's token."""
        found = self.session()
        found.headers["Authorization"] = f"Bearer {self.token}"
        return found


def proxy_file(folder: Path, http_port: int) -> Path:
    """The proxy's own file, but on loopback only."""
    text = (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    bound = text.replace("\tadmin off\n", f"\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port {http_port}\n")
    assert bound != text
    path = folder / "Caddyfile"
    path.write_text(bound, encoding="utf-8")
    return path


@pytest.fixture
def site(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Site]:
    if not (BIN / "caddy").is_file():
        pytest.skip("caddy is not installed (development extras)")
    data, web, tls = tmp_path / "data", free_port(), free_port()
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "proxy"),
        "STEATOSCOPE_DATA_DIR": str(data),
        "STEATOSCOPE_DATABASE_URL": postgres_url,
        "STEATOSCOPE_BROKER_URL": redis_url,
        "STEATOSCOPE_SECRET_KEY": "a secret of this test alone",
        "STEATOSCOPE_SECURE_COOKIES": "yes",
        "STEATOSCOPE_BEHIND_PROXY": "yes",
        "GUNICORN_BIND": f"127.0.0.1:{web}",
        "SITE_ADDRESS": f"localhost:{tls}",
        "SITE_UPSTREAM": f"127.0.0.1:{web}",
        "SITE_MOST_BODY": f"{MOST_BODY}",
    }

    def told(*command: str) -> str:
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    told(*compose_command("migrate", data))
    account = json.loads(told("steatoscope", "users", "add", "dr.grown", "--role", "clinician", "--json"))
    caddy = ["caddy", "run", "--config", str(proxy_file(tmp_path, free_port())), "--adapter", "caddyfile"]
    authority = tmp_path / "proxy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    with ExitStack() as stack:
        stack.enter_context(started(image_command(), environment, tmp_path / "web.log"))
        worker = stack.enter_context(started(compose_command("worker", data), environment, tmp_path / "worker.log"))
        stack.enter_context(started(caddy, environment, tmp_path / "proxy.log"))
        found = Site(
            f"https://localhost:{tls}", f"http://127.0.0.1:{web}", authority, tmp_path, account["token"],
            account["password"], worker.pid,
        )  # fmt: skip
        until(lambda: authority.is_file() and answers(found), 60, "the site does not answer")
        yield found
    shutil.rmtree(data, ignore_errors=True)


def answers(site: Site) -> bool:
    import requests

    try:
        return bool(site.session().get(f"{site.url}/sign-in", timeout=5).status_code == 200)
    except requests.RequestException:
        return False


def scan(folder: Path) -> Path:
    """A simulated ultrasound study."""
    from steatoscope.apps.cli.main import run

    run(["phantom", "us", "--fat", "25", "--seed", "4", "--format", "dicom", "--out", str(folder / "scan")])
    return folder / "scan"


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each event of a stream."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_from_sign_in_to_pdf(site: Site) -> None:
    sign_in(site)
    program = site.program()
    path = scan(site.folder)
    files = [("files", (file.name, file.read_bytes())) for file in sorted(path.rglob("*")) if file.is_file()]
    taken = program.post(f"{site.url}/api/v1/studies", files=files, data={"subject": "G-1"}, timeout=60)
    assert taken.status_code == 202, taken.text
    study, job = taken.json()["study_id"], taken.json()["job_id"]
    watched = follow(program, f"{site.url}/api/v1/jobs/{job}/events")
    assert watched[-1][0] == "end"
    assert watched[-2][1]["state"] == "done", (site.folder / "worker.log").read_text()[-3000:]
    report = program.get(f"{site.url}/api/v1/studies/{study}/report", timeout=30).json()
    assert (report["schema"], report["modality"], report["subject"]) == ("steatoscope.report/1", "US", "G-1")
    pdf = program.get(f"{site.url}/api/v1/studies/{study}/report.pdf", timeout=30)
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    versions = program.get(f"{site.url}/api/v1/studies/{study}/versions", timeout=30).json()
    assert len(versions["versions"]) == 1
    look_at_the_proxy(site)
    (child,) = children(site.worker)
    assert os.getpriority(os.PRIO_PROCESS, child) == os.getpriority(os.PRIO_PROCESS, site.worker) + 5, "pages go first"


def children(process: int) -> list[int]:
    """Processes that any thread of a process has started and that still run."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]


def follow(client: Any, url: str) -> list[tuple[str, dict[str, Any]]]:
    """All events of a job until it ends; the first must come at once, so nothing on the way may hold them back."""
    found: list[tuple[str, dict[str, Any]]] = []
    for _ in range(4):  # a stream ends after a minute, and its reader comes back
        begin = time.monotonic()
        with client.get(url, stream=True, timeout=60) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            for name, data in events(stream.iter_lines(chunk_size=1, decode_unicode=True)):
                assert found or time.monotonic() - begin < 5
                found.append((name, data))
                if name == "end":
                    return found
    raise AssertionError(f"the job does not end: {found[-1:]}")


def sign_in(site: Site) -> None:
    """By the page's own form, as a browser does it."""
    browser = site.session()
    page = browser.get(f"{site.url}/sign-in", timeout=30)
    secret = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert secret is not None
    form = {"csrf_token": secret.group(1), "name": "dr.grown", "password": site.password}
    home = browser.post(f"{site.url}/sign-in", data=form, headers={"Referer": f"{site.url}/sign-in"}, timeout=30)
    assert home.status_code == 200
    assert home.url == f"{site.url}/"
    (cookie,) = [found for found in browser.cookies if found.name == "steatoscope"]
    assert cookie.secure
    assert "dr.grown" in home.text


def announce(site: Site, size: int) -> int:
    """Status of the answer to a body of this size that is announced and not sent."""
    import ssl
    from http.client import HTTPSConnection

    trust = ssl.create_default_context(cafile=str(site.authority))
    connection = HTTPSConnection(site.url.removeprefix("https://"), context=trust, timeout=30)
    connection.putrequest("POST", "/api/v1/studies")
    connection.putheader("Authorization", f"Bearer {site.token}")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def look_at_the_proxy(site: Site) -> None:
    """What the proxy must do beside passing requests on."""
    page = site.session().get(f"{site.url}/sign-in", timeout=30)
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not {"Server", "Via"} & set(page.headers)
    for address in ("/metrics", "/readyz"):
        assert site.program().get(f"{site.url}{address}", timeout=30).status_code == 404
    lied = site.session().get(
        f"{site.url}/healthz", headers={"X-Forwarded-For": "127.0.0.1"}, allow_redirects=False, timeout=30
    )
    assert lied.status_code == 302
    assert site.session().get(f"{site.web}/healthz", timeout=30).status_code == 200
    assert announce(site, MOST_BODY + 1) == 413
    site.program().get(f"{site.url}/api/v1/studies?subject=G-1", timeout=30)
    log = (site.folder / "proxy.log").read_text(encoding="utf-8")
    assert '"uri":"/api/v1/studies?"' in log
    for secret in ("G-1", "Bearer", site.token):
        assert secret not in log
