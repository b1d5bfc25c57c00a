"""The file store: a folder, and an object store through fsspec."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from steatoscope.service.storage.base import now
from steatoscope.service.storage.blobs import BlobStore, FolderBlobs, open_blobs
from steatoscope.service.storage.blobs_remote import RemoteBlobs, StorageUnavailableError

ABC = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return open_blobs(str(tmp_path / "files"))
    pytest.importorskip("fsspec")
    return open_blobs(f"memory://{uuid.uuid4().hex}/files")


def test_content_comes_back_under_its_hash(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    assert blobs.put_bytes(b"abc") == blobs.put_file(source) == blobs.put_stream(io.BytesIO(b"abc")) == (ABC, 3)
    with blobs.open(ABC) as content:
        assert content.read() == b"abc"
    blobs.fetch(ABC, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"abc"
    assert blobs.exists(ABC)
    assert list(blobs.all()) == [ABC]
    assert blobs.facts(ABC).size == 3
    assert abs(blobs.facts(ABC).stored_at - now()) < timedelta(seconds=5)


def test_what_is_missing_is_a_key_error(blobs: BlobStore, tmp_path: Path) -> None:
    for ask in (blobs.open, blobs.facts, lambda sha: blobs.fetch(sha, tmp_path / "copy")):
        with pytest.raises(KeyError):
            ask(ABC)
    blobs.delete(ABC)
    assert not blobs.exists(ABC)
    assert list(blobs.all()) == []
    assert not blobs.delete_unless_newer(ABC, now())


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 63 + "/"])
def test_only_hashes_are_names(blobs: BlobStore, name: str) -> None:
    for ask in (blobs.open, blobs.exists, blobs.delete, blobs.facts):
        with pytest.raises(ValueError, match="no SHA-256"):
            ask(name)


def test_all_is_sorted(blobs: BlobStore) -> None:
    stored = {blobs.put_bytes(str(k).encode())[0] for k in range(50)}
    assert list(blobs.all()) == sorted(stored)


def test_content_that_was_stored_again_is_not_removed_as_old(blobs: BlobStore) -> None:
    blobs.put_bytes(b"abc")
    moment = now() + timedelta(seconds=1)
    assert not blobs.delete_unless_newer(ABC, moment - timedelta(minutes=1))
    assert blobs.exists(ABC)
    assert blobs.delete_unless_newer(ABC, moment)
    assert not blobs.exists(ABC)


def test_storing_again_makes_new_again(tmp_path: Path) -> None:
    store = FolderBlobs(tmp_path)
    store.put_bytes(b"abc")
    os.utime(store.path(ABC), (1, 1))
    assert store.facts(ABC).stored_at < now() - timedelta(days=1)
    store.put_bytes(b"abc")
    assert store.facts(ABC).stored_at > now() - timedelta(minutes=1)


def test_half_written_contents_are_tidied_away_and_stopped_removals_put_back(tmp_path: Path) -> None:
    store = FolderBlobs(tmp_path)
    store.put_bytes(b"abc")
    old, young = tmp_path / ".new-old", tmp_path / ".new-young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (1, 1))
    store.path(ABC).rename(tmp_path / f".gone-{ABC}-1")
    assert store.tidy(now() - timedelta(hours=1)) == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert store.tidy(now() + timedelta(hours=1)) == 1
    assert list(store.all()) == [ABC]


def test_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("broken pipe")

    store = FolderBlobs(tmp_path)
    with pytest.raises(OSError, match="broken pipe"):
        store.put_stream(Broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("fsspec"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(StorageUnavailableError, match=r"steatoscope\[server\]"):
        RemoteBlobs("s3://bucket")


def test_unknown_kind_of_store_is_refused() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(StorageUnavailableError, match="nonsense://"):
        open_blobs("nonsense://somewhere")


def test_file_url_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_blobs(f"file://{tmp_path}"), FolderBlobs)
