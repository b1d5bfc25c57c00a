"""The compose files: the published schema, and what must hold beyond it."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import resources

import jsonschema
import pytest
from deploy_kit import DEPLOY, pinned, tool, yaml_of

COMPOSE = DEPLOY / "compose"
MAIN = yaml_of(COMPOSE / "compose.yaml")
SERVICES = MAIN["services"]
OURS = {"migrate", "web", "worker"}


def default_of(text: str) -> str:
    """A value with each ``${NAME:-default}`` replaced by its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("path", sorted(COMPOSE.glob("*.yaml")), ids=lambda path: path.name)
def test_follows_the_published_schema(path):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed (development extras)")
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    document = yaml_of(path)
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "services": {"web": {"imagee": "x"}}}, schema)


def test_only_the_proxy_publishes_ports():
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]
    assert not any("network_mode" in service for service in SERVICES.values())


def test_only_the_proxy_is_on_a_network_with_a_way_out():
    open_networks = {name for name, network in MAIN["networks"].items() if not network.get("internal")}
    assert open_networks == {"edge"}
    assert [name for name, service in SERVICES.items() if open_networks & set(service["networks"])] == ["proxy"]
    assert "back" not in SERVICES["proxy"]["networks"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_bounded_and_can_gain_nothing(name):
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("privileged")
    limits = service["deploy"]["resources"]["limits"]
    assert float(default_of(str(limits["cpus"]))) > 0
    assert re.fullmatch(r"\d+[mg]", default_of(limits["memory"]))
    assert limits["pids"] > 0
    assert service["healthcheck"]["test"] if name not in OURS else True
    assert service["logging"]["options"]["max-size"]
    assert service["read_only"] or name == "orthanc"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name):
    image = default_of(SERVICES[name]["image"])
    assert pinned(image), image
    assert not image.endswith("latest")


def test_our_services_run_as_the_user_of_the_image():
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    for name in OURS:
        assert f"USER {SERVICES[name]['user']}" in dockerfile
        assert SERVICES[name]["environment"]["STEATOSCOPE_SECURE_COOKIES"] == "yes"


def test_nothing_starts_before_what_it_needs():
    for name in ("web", "worker"):
        waits = {other: rule["condition"] for other, rule in SERVICES[name]["depends_on"].items()}
        assert waits == {"migrate": "service_completed_successfully", "redis": "service_healthy"}
    assert SERVICES["proxy"]["depends_on"]["web"]["condition"] == "service_healthy"


def test_secrets_are_asked_for_and_never_written_down():
    text = (COMPOSE / "compose.yaml").read_text()
    example = dict(
        line.split("=", 1) for line in (COMPOSE / ".env.example").read_text().splitlines() if "=" in line[:40]
    )
    for name in ("STEATOSCOPE_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "ORTHANC_PASSWORD"):
        assert example[name] == ""
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
        assert uses
        assert all(":?" in use for use in uses)
    assert ".env" in (COMPOSE / ".gitignore").read_text().split()


def test_the_example_lists_every_variable():
    text = "".join(path.read_text() for path in COMPOSE.glob("compose.yaml"))
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    lines = (COMPOSE / ".env.example").read_text().splitlines()
    assert used == {line.split("=", 1)[0] for line in lines if re.match(r"[A-Z_]+=", line)}


def test_defaults_of_the_file_and_of_the_example_agree():
    text = (COMPOSE / "compose.yaml").read_text()
    example = dict(
        line.split("=", 1)
        for line in (COMPOSE / ".env.example").read_text().splitlines()
        if re.match(r"[A-Z_]+=", line)
    )
    for name, default in re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", text):
        assert name == "SITE_ADDRESS" or example[name] == default


def test_redis_takes_its_password_from_standard_input(tmp_path):
    """The shell text of the compose file with Redis replaced by ``cat``: what would Redis read?"""
    shell, option, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("redis-server -", "cat")
    done = subprocess.run(
        [tool(shell), option, script], env={"REDIS_PASSWORD": "p-1_x", "PATH": "/usr/bin:/bin"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[:3] == ["requirepass p-1_x", 'save ""', "appendonly no"]
