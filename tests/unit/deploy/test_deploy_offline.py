"""The scripts for machines without a network."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import zipfile

import pytest
from deploy_kit import DEPLOY, tool

SCRIPTS = sorted((DEPLOY / "offline").glob("*.sh"))


def test_shellcheck_finds_nothing():
    done = subprocess.run([tool("shellcheck"), *map(str, SCRIPTS)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def tiny_wheel(folder):
    """A wheel of one empty module, by hand."""
    path, info = folder / "tiny-1.0-py3-none-any.whl", "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


@pytest.fixture
def wheelhouse(tmp_path):
    """A folder as ``make_wheelhouse.sh`` leaves it, with one tiny package; and the hash of all."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    digest = hashlib.sha256(tiny_wheel(folder).read_bytes()).hexdigest()
    (folder / "requirements.lock").write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    shutil.copy(DEPLOY / "offline" / "install.sh", folder)
    return folder


def seal(folder):
    names = sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  ./{name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()


def install(folder, target, digest):
    return subprocess.run(
        ["sh", str(folder / "install.sh"), str(target), digest], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_untouched_wheelhouse_is_installed(wheelhouse, tmp_path):
    done = install(wheelhouse, tmp_path / "opt", seal(wheelhouse))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "opt").glob("lib/python*/site-packages/tiny.py"))


@pytest.mark.parametrize("name", ["tiny-1.0-py3-none-any.whl", "requirements.lock"])
def test_a_changed_file_is_refused(wheelhouse, tmp_path, name):
    digest = seal(wheelhouse)
    with (wheelhouse / name).open("ab") as file:
        file.write(b"\n")
    done = install(wheelhouse, tmp_path / "opt", digest)
    assert done.returncode == 1
    assert "was changed" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_a_list_made_anew_after_a_change_is_refused(wheelhouse, tmp_path):
    digest = seal(wheelhouse)
    (wheelhouse / "requirements.lock").write_text("")
    seal(wheelhouse)
    done = install(wheelhouse, tmp_path / "opt", digest)
    assert done.returncode == 1
    assert "not the one announced" in done.stderr


@pytest.mark.slow
def test_pip_itself_refuses_a_wheel_of_another_hash(wheelhouse, tmp_path):
    (wheelhouse / "requirements.lock").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    done = install(wheelhouse, tmp_path / "opt", seal(wheelhouse))
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
