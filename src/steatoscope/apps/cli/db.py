"""``steatoscope db``: migrations, backup, restore, checks and garbage of an installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steatoscope.apps.cli.installation import installation_options, opened, reachable, settings_for
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import SteatoscopeError, UsageError

if TYPE_CHECKING:
    from steatoscope.apps.wiring.service import Service

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_file = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def db() -> None:
    """Migrate, back up, restore and check an installation."""


@db.command()
@installation_options
@_json
def upgrade(as_json: bool, **where: Any) -> None:
    """Bring the database to the tables of this version; nothing happens where it has them."""
    from steatoscope.service.storage.migrate import current_revision
    from steatoscope.service.storage.migrate import upgrade as migrate

    settings = settings_for(**where)
    with reachable(settings):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        before = current_revision(settings.database_url)
        migrate(settings.database_url)
        after = current_revision(settings.database_url)
    if before != after:
        with opened(**where) as service:
            _record(service, "db.upgrade", before=before, after=after)
    _tell({"before": before, "after": after}, as_json)


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Needed: going back may lose what older tables have no place for.")
@installation_options
@_json
def downgrade(revision: str, yes: bool, as_json: bool, **where: Any) -> None:
    """Take the database back to the tables of REVISION ("base": none). Back up first."""
    from steatoscope.service.storage.migrate import current_revision, known_revisions
    from steatoscope.service.storage.migrate import downgrade as migrate

    if revision != "base" and revision not in known_revisions():
        raise UsageError(f"there is no revision {revision!r}; there are base, {', '.join(known_revisions())}")
    if not yes:
        raise UsageError("going back may lose data: make a backup, then give --yes")
    with opened(**where) as service:
        before = current_revision(service.settings.database_url)
        _record(service, "db.downgrade", before=before, after=revision)
        service.database.dispose()
        migrate(service.settings.database_url, revision)
        after = current_revision(service.settings.database_url)
    _tell({"before": before, "after": after}, as_json)


@db.command()
@_file
@installation_options
@_json
def backup(file: Path, as_json: bool, **where: Any) -> int:
    """Back up rows, files and the secret key into FILE (tar) while the service runs; exit 1 where files are lost.

    FILE holds all patient data and the key that signs cookies: keep it as safe as the installation itself.
    """
    from steatoscope.service.storage.maintenance import BackupError
    from steatoscope.service.storage.maintenance import backup as write

    with opened(**where) as service:
        if file.exists():
            raise UsageError(f"{file} exists already")
        _record(service, "db.backup", file=file.name)
        try:
            manifest = write(service.database, service.blobs, service.settings.data_dir, file)
        except BackupError as fault:
            raise UsageError(str(fault)) from fault
    lost = manifest["blobs"]["missing"] + manifest["blobs"]["damaged"]
    for sha256 in lost:
        note(f"Lost in the file store: {sha256} (see 'steatoscope db check --deep')")
    _tell({"file": str(file), **_summary(manifest)}, as_json)
    return 1 if lost else 0


@db.command()
@_file
@installation_options
@_json
def restore(file: Path, as_json: bool, **where: Any) -> None:
    """Restore the backup FILE into an empty installation; its database may be of another kind than the original's."""
    from steatoscope.service.storage.blobs import open_blobs
    from steatoscope.service.storage.maintenance import BackupError, NotEmptyError
    from steatoscope.service.storage.maintenance import restore as read

    if not file.is_file():
        raise SteatoscopeError("E_PATH", path=str(file))
    settings = settings_for(**where)
    with reachable(settings):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        settings.data_dir.chmod(0o700)
        try:
            manifest = read(file, settings.database_url, open_blobs(settings.storage_url), settings.data_dir)
        except NotEmptyError as fault:
            raise UsageError(str(fault)) from fault
        except BackupError as fault:
            raise SteatoscopeError(
                "E_ARCHIVE",
                message="The backup cannot be used.",
                cause=f"{fault}.",
                remedy="Use another backup.",
                path=str(file),
            ) from fault
    _tell(_summary(manifest), as_json)


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    contents = manifest["blobs"]
    return {
        "created_at": manifest["created_at"],
        "revision": manifest["revision"],
        "rows": {table: entry["count"] for table, entry in manifest["rows"].items()},
        "contents": contents["count"],
        "bytes": contents["bytes"],
        "secret": manifest["secret"] is not None,
        "missing": contents["missing"],
        "damaged": contents["damaged"],
    }


@db.command()
@click.option("--deep", is_flag=True, help="Also read every stored file and compare its hash.")
@installation_options
@_json
def check(deep: bool, as_json: bool, **where: Any) -> int:
    """Check that rows, stored files and the audit trail are whole; exit 1 where they are not.

    The end of a whole audit trail is noted in DATA_DIR/audit-anchor.json and compared next time.
    """
    from steatoscope.service.storage.audit import anchor, verify_chain
    from steatoscope.service.storage.audit_anchor import read_anchor, write_anchor
    from steatoscope.service.storage.maintenance import check_consistency

    with opened(**where) as service:
        noted = service.settings.data_dir / "audit-anchor.json"
        with service.database.reading() as session:
            try:
                chain = verify_chain(session, read_anchor(noted))
            except ValueError as fault:
                chain = [str(fault)]
            end = anchor(session)
            problems = check_consistency(session, service.blobs, deep=deep)
        if not chain:
            write_anchor(noted, end)
    document = {
        "ok": not chain and not problems,
        "problems": problems,
        "audit": {"problems": chain, "seq": end.seq, "hash": end.hash},
    }
    for problem in [*chain, *problems]:
        note(problem)
    if as_json:
        emit(document)
    else:
        click.echo("all is well" if document["ok"] else f"{len(chain) + len(problems)} problems")
    return 0 if document["ok"] else 1


@db.command()
@click.option("--older-than", "hours", type=click.FloatRange(min=1), default=24.0, show_default=True, help="Hours.")
@installation_options
@_json
def gc(hours: float, as_json: bool, **where: Any) -> None:
    """Remove stored files that nothing uses and that were stored longer ago than some hours."""
    from steatoscope.service.storage.maintenance import collect_garbage, forget_unused_rows

    with opened(**where) as service:
        with service.database.reading() as session:
            counts = collect_garbage(session, service.blobs, hours * 3600)
        with service.database.writing() as session:
            forget_unused_rows(session, hours * 3600)
        _record(service, "db.gc", **counts)
    _tell(counts, as_json)


@db.command()
@installation_options
@_json
def digest(as_json: bool, **where: Any) -> None:
    """Print one SHA-256 over all rows and stored files: equal for an installation and its restored backup."""
    from steatoscope.service.storage.maintenance import installation_digest

    with opened(**where) as service:
        _tell({"sha256": installation_digest(service.database, service.blobs)}, as_json)


def _record(service: Service, action: str, **details: Any) -> None:
    from steatoscope.service.storage.audit import record

    with service.database.writing() as session:
        record(session, actor="command line", action=action, object_type="installation", details=details)


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(document)
        return
    for name, value in document.items():
        click.echo(f"{name}: {value}")
