"""The ``steatoscope`` command: subcommands are loaded only when called, so that listing them stays fast."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from steatoscope import __version__
from steatoscope.apps.cli.arguments import gather_previous
from steatoscope.apps.cli.output import emit, error_document
from steatoscope.core.errors import SteatoscopeError, UsageError

_COMMANDS: Final = {
    "analyze": ("steatoscope.apps.cli.analyze:analyze", "Measure liver fat in one study."),
    "baseline": ("steatoscope.apps.cli.baseline:baseline", "Fit and show a healthy reference of your own."),
    "batch": ("steatoscope.apps.cli.batch:batch", "Measure a cohort, resumable."),
    "benchmark": ("steatoscope.apps.cli.benchmark:benchmark", "Score a method on a data set."),
    "clinical": ("steatoscope.apps.cli.clinical:clinical", "Clinical scores, and a combined model of your own."),
    "db": ("steatoscope.apps.cli.db:db", "Migrate, back up, restore and check an installation."),
    "doctor": ("steatoscope.apps.cli.doctor:doctor", "Check the installation."),
    "federate": ("steatoscope.apps.cli.federate:federate", "Train at several sites, their images staying there."),
    "lab": ("steatoscope.apps.cli.lab:lab", "Join benchmark results into one page."),
    "models": ("steatoscope.apps.cli.models:models", "List, show and verify the shipped models."),
    "phantom": ("steatoscope.apps.cli.phantom:phantom", "Write a simulated study with known fat."),
    "recipes": ("steatoscope.apps.cli.recipes:recipes", "List and show the published systems."),
    "schema": ("steatoscope.apps.cli.schema:schema", "Print the JSON Schemas."),
    "search": ("steatoscope.apps.cli.search:search", "Search better hyper-parameters of a recipe."),
    "serve": ("steatoscope.apps.cli.serve:serve", "Run the web application with its own workers."),
    "train": ("steatoscope.apps.cli.train:train", "Train a recipe on a folder of images."),
    "users": ("steatoscope.apps.cli.users:users", "Add, list and change accounts of the service."),
    "worker": ("steatoscope.apps.cli.worker:worker", "Analyse studies queued by a server."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when the subcommand is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all subcommands, sorted."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, imported now; None where there is no such name."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of subcommands for ``--help``, from the catalogue alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="steatoscope")
def cli() -> None:
    """Measure fat in the liver from ultrasound, CT and MRI.

    Research and decision support, not a diagnosis: a qualified clinician reviews every result.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; never raises for bad input or an internal fault."""
    as_json = "--json" in arguments
    try:
        result = cli.main(args=gather_previous(arguments), prog_name="steatoscope", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except click.ClickException as fault:
        fault.show(file=sys.stderr)
        return _usage(fault.format_message(), as_json)
    except UsageError as fault:
        click.echo(f"Error: {fault}", err=True)
        return _usage(str(fault), as_json)
    except SteatoscopeError as fault:
        click.echo(f"{fault.code}: {fault.message}\n  Cause: {fault.cause}\n  Remedy: {fault.remedy}", err=True)
        emit({"error": fault.document()})
        return fault.exit_code
    except Exception as fault:
        return _internal(fault, as_json)
    return result if isinstance(result, int) else 0


def _usage(message: str, as_json: bool) -> int:
    if as_json:
        emit(error_document("E_USAGE", message, "The command was called wrongly.", "See --help."))
    return 2


def _internal(fault: Exception, as_json: bool) -> int:
    if os.environ.get("STEATOSCOPE_DEBUG"):
        raise fault
    words = f"{type(fault).__name__}: {fault}"
    click.echo(f"Internal fault: {words}\nSet STEATOSCOPE_DEBUG=1 to see where, and please report it.", err=True)
    if as_json:
        emit(error_document("E_INTERNAL", "Internal fault.", words, "Set STEATOSCOPE_DEBUG=1 and report the fault."))
    return 1


def main() -> None:
    """Entry point of the ``steatoscope`` script."""
    sys.exit(run(sys.argv[1:]))
