"""The Helm chart, rendered by Helm's own engine, and the plain manifests made from it."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest
import yaml
from deploy_kit import DEPLOY, pinned, yaml_of

CHART = DEPLOY / "helm" / "steatoscope"
PLAIN = DEPLOY / "kubernetes" / "steatoscope.yaml"
KUBERNETES = ("1.27", "1.31", "1.34")


@pytest.fixture(scope="module")
def renderer():
    pytest.importorskip("helm_python", reason="helm-python-sdk is not installed (development extras)")
    spec = importlib.util.spec_from_file_location("render_manifests", DEPLOY / "kubernetes" / "render.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def plain_objects():
    return [found for found in yaml.safe_load_all(PLAIN.read_text(encoding="utf-8")) if found]


def validate(objects, version):
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for found in objects:
        if found["kind"] != "ServiceMonitor":
            checker.validate(found, version, strict=True)


def pods(objects):
    return {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]
        for found in objects
        if found["kind"] in {"Deployment", "Job"}
    }


def test_lint_finds_no_fault(renderer):
    import helm_python

    told = helm_python.chart.lint(CHART)
    assert told["errors"] == []
    assert [message["error"] for message in told["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", KUBERNETES)
def test_plain_manifests_follow_the_schemas_of_kubernetes(version):
    validate(plain_objects(), version)


def test_the_schema_check_can_fail():
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    wrong = next(found for found in plain_objects() if found["kind"] == "Service")
    wrong["spec"]["ports"][0]["prot"] = 80
    with pytest.raises(checker.ValidationError):
        checker.validate(wrong, KUBERNETES[0], strict=True)


def test_plain_manifests_are_those_of_the_chart(renderer):
    assert PLAIN.read_text(encoding="utf-8") == renderer.text(), "run deploy/kubernetes/render.py"


OTHER_VALUES = [
    {"serviceMonitor": {"enabled": True}},
    {"worker": {"autoscaling": {"enabled": False}, "replicas": 3, "nodeSelector": {"gpu": "yes"}}},
    {"worker": {"autoscaling": {"enabled": False}, "tolerations": [{"key": "gpu"}]}},
    {"ingress": {"enabled": False}, "networkPolicy": {"enabled": False}},
    {"persistence": {"existingClaim": "mine"}, "image": {"digest": "sha256:" + "a" * 64, "pullSecrets": ["house"]}},
    {"networkPolicy": {"databaseCidrs": ["192.0.2.0/24"], "extraEgress": [{"ports": [{"port": 443}]}]}},
]  # fmt: skip


@pytest.mark.parametrize("values", OTHER_VALUES, ids="+".join)
def test_other_values_render_to_valid_objects(renderer, values):
    objects = renderer.render(values)
    validate(objects, KUBERNETES[1])
    kinds = [found["kind"] for found in objects]
    assert ("ServiceMonitor" in kinds) == ("serviceMonitor" in values)
    assert ("HorizontalPodAutoscaler" in kinds) == ("worker" not in values)
    assert ("PersistentVolumeClaim" in kinds) == ("persistence" not in values)
    assert ("NetworkPolicy" in kinds) == (values.get("networkPolicy", {}).get("enabled", True))
    if "persistence" in values:
        web = pods(objects)["steatoscope-web"]
        assert web["volumes"][0]["persistentVolumeClaim"]["claimName"] == "mine"
        assert web["containers"][0]["image"] == "steatoscope@sha256:" + "a" * 64


WRONG_VALUES = [
    {"image": {"tag": "latest"}},
    {"settings": {"STEATOSCOPE_SECRET_KEY": "written down"}},
    {"settings": {"OTHER": "x"}},
    {"worker": {"autoscaling": {"enabled": True, "minReplicas": 0, "maxReplicas": 2, "cpuPercent": 70}}},
    {"webb": {}},
]


@pytest.mark.parametrize("values", WRONG_VALUES, ids=str)
def test_wrong_values_are_refused(renderer, values):
    import helm_python

    with pytest.raises(helm_python.errors.HelmValuesError):
        renderer.render(values)


@pytest.mark.parametrize("name", ["steatoscope-web", "steatoscope-worker", "steatoscope-migrate"])
def test_pods_hold_no_rights(name):
    pod = pods(plain_objects())[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    secure = container["securityContext"]
    assert (secure["allowPrivilegeEscalation"], secure["readOnlyRootFilesystem"]) == (False, True)
    assert secure["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]) == {"requests", "limits"}
    assert pinned(container["image"])
    assert {"secretRef": {"name": "steatoscope"}} in container["envFrom"]
    writable = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert writable == {"/tmp", "/var/lib/steatoscope"}


def test_users_of_image_and_chart_agree():
    pod = pods(plain_objects())["steatoscope-web"]["securityContext"]
    user = f"USER {pod['runAsUser']}:{pod['runAsGroup']}"
    assert user in (DEPLOY / "docker" / "Dockerfile").read_text()


def test_web_is_asked_from_inside_for_life_and_readiness():
    (web,) = pods(plain_objects())["steatoscope-web"]["containers"]
    asked = {name: web[name]["exec"]["command"][-1] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert "/healthz" in asked["startupProbe"]
    assert "/healthz" in asked["livenessProbe"]
    assert "/readyz" in asked["readinessProbe"]
    assert all("127.0.0.1:8000" in text for text in asked.values())


def test_only_web_pods_can_be_reached():
    policies = {
        found["metadata"]["name"]: found["spec"] for found in plain_objects() if found["kind"] == "NetworkPolicy"
    }
    assert policies["steatoscope"]["ingress"] == []
    assert "app.kubernetes.io/component" not in policies["steatoscope"]["podSelector"]["matchLabels"]
    web = policies["steatoscope-web"]
    assert web["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"
    (rule,) = web["ingress"]
    assert [peer["namespaceSelector"] for peer in rule["from"]] == [
        {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}
    ]


def test_every_selector_finds_the_pods_that_it_means():
    objects = plain_objects()
    labels = {
        found["metadata"]["name"]: found["spec"]["template"]["metadata"]["labels"]
        for found in objects
        if found["kind"] == "Deployment"
    }
    for found in objects:
        if found["kind"] in {"Service", "PodDisruptionBudget", "Deployment"}:
            selector = found["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert wanted.items() <= labels[found["metadata"]["name"]].items()


def test_the_migration_runs_before_the_release(renderer):
    hooks = {found["metadata"]["name"]: found["metadata"].get("annotations", {}) for found in renderer.render()}
    assert hooks["steatoscope-migrate"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    weights = [int(hooks[name]["helm.sh/hook-weight"]) for name in ("steatoscope-settings", "steatoscope-migrate")]
    assert weights == sorted(weights)
    assert "helm.sh" not in PLAIN.read_text(encoding="utf-8")


def test_versions_agree():
    from steatoscope import __version__

    chart = yaml_of(CHART / "Chart.yaml")
    assert chart["appVersion"] == chart["version"] == __version__
    compose = (DEPLOY / "compose" / ".env.example").read_text()
    assert re.search(rf"^STEATOSCOPE_IMAGE=steatoscope:{re.escape(__version__)}$", compose, re.MULTILINE)
