"""Writes the chart's manifests with its default values, for those who use no Helm.

Run ``python deploy/kubernetes/render.py`` after each change of the chart; needs the package ``helm-python-sdk``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "helm" / "steatoscope"
TARGET = HERE / "steatoscope.yaml"
_HEAD = (
    "# Made from the Helm chart by deploy/kubernetes/render.py. Make the Secret that it names first, change\n"
    "# image, host and sizes, then: kubectl apply --namespace steatoscope --filename steatoscope.yaml\n"
)
# tables before pods; the order is that of a first `kubectl apply`
_ORDER = ("ConfigMap", "PersistentVolumeClaim", "NetworkPolicy", "Job", "Deployment", "Service")


def render(values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The chart's objects as Helm's own engine writes them, the plain ones first."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(values or {}, name="steatoscope", namespace="steatoscope")
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    objects = [found for text in texts for found in yaml.safe_load_all(text) if found]
    return sorted(objects, key=lambda found: (_place(found["kind"]), found["kind"], found["metadata"]["name"]))


def _place(kind: str) -> int:
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """The object without what only Helm reads."""
    meta = dict(found["metadata"])
    for part in ("labels", "annotations"):
        kept = {key: value for key, value in meta.pop(part, {}).items() if "helm.sh" not in key and value != "Helm"}
        if kept:
            meta[part] = kept
    return {**found, "metadata": meta}


def text() -> str:
    """The whole file."""
    documents = [yaml.safe_dump(plain(found), sort_keys=False, width=120) for found in render()]
    return _HEAD + "---\n" + "---\n".join(documents)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
