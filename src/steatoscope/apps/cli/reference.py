"""Reference pages made from the program itself: ``python -m steatoscope.apps.cli.reference DOCS_FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from steatoscope.apps.cli.main import cli
from steatoscope.core.errors import CATALOGUE, WARNINGS


def errors_page() -> str:
    """The catalogue of errors and warnings as Markdown."""
    lines = [
        "# Errors and warnings",
        "",
        "Exit 3: the input is invalid, nothing is written. Exit 4: the input is valid but a fat value is refused; the",
        "report is written with what could still be measured.",
        "",
        "| code | exit | message | cause | remedy |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{s.code}` | {s.exit_code} | {s.message} | {s.cause} | {s.remedy} |" for s in CATALOGUE.values()]
    lines += ["", "## Warnings", "", "| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {text} |" for code, text in WARNINGS.items()]
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """The help text of every command as Markdown."""
    parts = ["# Commands", ""]
    context = click.Context(cli, info_name="steatoscope", **cli.context_settings)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts += _section(command, f"steatoscope {name}", context)
    return "\n".join(parts)


def _section(command: click.Command, title: str, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=title.rsplit(" ", 1)[-1], parent=parent, terminal_width=100)
    parts = [f"## {title}", "", "```", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            parts += _section(command.commands[name], f"{title} {name}", context)
    return parts


def pages() -> dict[str, str]:
    """All generated pages by file name."""
    return {"errors.md": errors_page(), "commands.md": commands_page()}


def main() -> None:
    """Write the pages into the folder named on the command line."""
    folder = Path(sys.argv[1])
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
