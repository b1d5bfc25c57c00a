"""Federated averaging (McMahan et al. 2017) of heads of R2 over sites by NVIDIA FLARE, each site in its own process.

Here all processes run on this machine and speak over its loopback interface; the job is the one that a provisioned
installation of FLARE takes, whose sites name their own folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from steatoscope.core.errors import UsageError
from steatoscope.learning.training import federated_site
from steatoscope.learning.training.federated_site import FederatedPlan, Vectors, settings_document, start_vectors

JOB: Final = "federated"
RESULT: Final = "workspace/server/simulate_job/models/server.npy"
LOG: Final = "federation.log"


def require_federated() -> None:
    """Raise UsageError where the ``federated`` extra is not installed."""
    if find_spec("nvflare") is None:
        raise UsageError("federated training needs the federated extra: pip install 'steatoscope[train,federated]'")


def federate(sites: Mapping[str, Path], plan: FederatedPlan, out: Path) -> Vectors:
    """The heads (folds + 1, weights) after all rounds over the sites (name: folder of images).

    Everything that the processes wrote stays in ``out``. Raises UsageError without the extra or where a process failed,
    with the place of its log.
    """
    require_federated()
    out.mkdir(parents=True, exist_ok=True)
    for name, folder in sites.items():
        _write(out / f"site-{name}.json", settings_document(plan, folder))
    np.save(out / "start.npy", start_vectors(plan))
    # FLARE takes no folder with a blank in its name.
    with tempfile.TemporaryDirectory(prefix="steatoscope-federation-") as place:
        job = {"sites": sorted(sites), "rounds": plan.rounds, "out": str(out.resolve()), "workspace": place}
        _write(out / "job.json", job)
        code = _in_own_process(out)
        shutil.copytree(Path(place) / JOB, out / "workspace", dirs_exist_ok=True)
    if code != 0 or not (out / RESULT).is_file():
        raise UsageError(f"a site or the server failed; what they said is in {out / LOG} and {out / 'workspace'}")
    found: Vectors = np.load(out / RESULT).astype(np.float32)
    return found


def _in_own_process(out: Path) -> int:
    """FLARE sets up logging and starts processes as it likes: not in ours."""
    shutil.rmtree(out / "workspace", ignore_errors=True)
    with (out / LOG).open("w", encoding="utf-8") as log:
        words = [sys.executable, "-m", __name__, str(out / "job.json")]
        return subprocess.run(words, stdout=log, stderr=log, check=False).returncode


def run_job(job: Mapping[str, Any]) -> None:
    """Build FLARE's job and run it in its simulator: a server, and a process for each site."""
    from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe
    from nvflare.recipe.sim_env import SimEnv
    from nvflare.recipe.utils import set_per_site_config

    out, sites = Path(job["out"]), list(job["sites"])
    recipe = NumpyFedAvgRecipe(
        name=JOB,
        initial_ckpt=str(out / "start.npy"),
        min_clients=len(sites),
        num_rounds=int(job["rounds"]),
        train_script=str(Path(federated_site.__file__)),
    )
    # FLARE splits the words at white space: folders are quoted as in addresses.
    set_per_site_config(
        recipe, {name: {"train_args": f"--settings {quote(str(out / f'site-{name}.json'))}"} for name in sites}
    )
    recipe.execute(SimEnv(clients=sites, workspace_root=str(job["workspace"])))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    run_job(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
