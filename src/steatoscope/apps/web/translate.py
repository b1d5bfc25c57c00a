"""Collects, updates and compiles translations: ``python -m steatoscope.apps.web.translate update``.

Words come from templates and Python (``_``, ``gettext``, ``lazy_gettext``, ``ngettext``), from scripts (``t``), from
the causes and remedies given to ``Problem.of``, and from the catalogues that pages translate where they show them
(errors, warnings, names of stages, roles, grades).
``update`` brings every ``messages.po`` to the present words, ``compile`` writes ``messages.mo`` and ``scripts.json``.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

WEB: Final = Path(__file__).parent
TRANSLATIONS: Final = WEB / "translations"
LANGUAGES: Final = ("de",)
_KEYWORDS: Final[dict[str, Any]] = {
    "_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2),
}  # fmt: skip
_SOURCES: Final[tuple[tuple[str, str, dict[str, Any], dict[str, str]], ...]] = (
    ("python", "**/*.py", _KEYWORDS, {}),
    ("jinja2.ext:babel_extract", "templates/**/*.html", _KEYWORDS, {"encoding": "utf-8", "silent": "false"}),
    ("javascript", "static/js/**/*.js", {"t": None}, {"parse_template_string": "true"}),
)
_SCRIPTS: Final = "static/js/"


def extract() -> Catalog:
    """All words of the pages, in English, with the files that use them."""
    catalog = Catalog(project="Steatoscope", charset="utf-8", fuzzy=False)
    for place, words, plural in sorted(_found(), key=lambda found: (found[0], found[1])):
        catalog.add((words, plural) if plural else words, locations=[(place, 0)])
    return catalog


def _found() -> Iterator[tuple[str, str, str]]:
    """Each use: file, words, plural words or ""."""
    for method, pattern, keywords, options in _SOURCES:
        for path in sorted(WEB.glob(pattern)):
            place = path.relative_to(WEB).as_posix()
            for _line, words, _comments, _context in extract_from_file(method, path, keywords, options=options):
                one, plural = (words, "") if isinstance(words, str) else (words[0], words[1])
                if one:
                    yield place, one, plural
    for path in sorted(WEB.glob("**/*.py")):
        for words in problem_words(path.read_text(encoding="utf-8")):
            yield path.relative_to(WEB).as_posix(), words, ""
    for place, words in catalogue_words():
        yield place, words, ""


def problem_words(source: str) -> Iterator[str]:
    """Causes and remedies that a module gives to ``Problem.of`` as plain text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Problem.of":
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                    yield keyword.value.value


def catalogue_words() -> Iterator[tuple[str, str]]:
    """Words that are data: errors, warnings, names, and what reports say."""
    from steatoscope.apps.web.names import NAMES
    from steatoscope.apps.web.problems import SERVICE_ERRORS
    from steatoscope.apps.web.report_words import PATTERNS, words
    from steatoscope.core.errors import CATALOGUE, WARNINGS

    yield from (("report_words.py", text) for text in (*words(), *PATTERNS))
    for spec in CATALOGUE.values():
        yield from (("core/errors.py", text) for text in (spec.message, spec.cause, spec.remedy))
    yield from (("core/errors.py", text) for text in WARNINGS.values())
    for _status, *texts in SERVICE_ERRORS.values():
        yield from (("problems.py", text) for text in texts)
    for names in NAMES:
        yield from (("names.py", text) for text in names.values())


def po_path(language: str) -> Path:
    """The file that translators edit."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """The translations of a language as they are in its file; empty where there is none."""
    path = po_path(language)
    if not path.is_file():
        return Catalog(locale=language, charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The translations of a language with exactly the present words; new ones are empty, none is guessed."""
    catalog = read(language)
    catalog.update(extract(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def missing(catalog: Catalog) -> list[str]:
    """Words without a translation, or with other placeholders than the English ones."""
    return [str(message.id) for message in catalog if message.id and not _complete(message.id, message.string)]


def _complete(words: Any, translation: Any) -> bool:
    if isinstance(words, str):
        return bool(translation) and _places(words) == _places(translation)
    return bool(translation) and all(part and _places(words[1]) >= _places(part) for part in translation)


def _places(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)\w|\{\w+\}", text))


def po_bytes(catalog: Catalog) -> bytes:
    """The file of translators: sorted, without line numbers and dates, so that a change shows what changed."""
    _plain_header(catalog)
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=110, sort_output=True, omit_header=False, include_lineno=False)
    dated = (b'"POT-Creation-Date:', b'"PO-Revision-Date:', b'"Generated-By:')
    return b"".join(line for line in buffer.getvalue().splitlines(keepends=True) if not line.startswith(dated))


def mo_bytes(catalog: Catalog) -> bytes:
    """The compiled catalogue that the server reads."""
    _plain_header(catalog)
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def _plain_header(catalog: Catalog) -> None:
    """A header that says who and nothing that changes from day to day."""
    catalog.header_comment = "# Words of the pages of Steatoscope; see docs/how-to/translate.md."
    catalog.project, catalog.version = "Steatoscope", "1"
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = "The Steatoscope contributors"
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)


def script_bytes(catalog: Catalog) -> bytes:
    """The words that scripts use, as JSON."""
    words = {
        message.id: message.string
        for message in catalog
        if isinstance(message.id, str)
        and message.string
        and any(place.startswith(_SCRIPTS) for place, _ in message.locations)
    }
    return (json.dumps(words, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def main(arguments: Sequence[str]) -> int:
    """``extract`` prints the words, ``update`` renews the files and compiles, ``compile`` only compiles."""
    command = arguments[0] if arguments else ""
    if command == "extract":
        sys.stdout.write(po_bytes(extract()).decode())
        return 0
    if command not in ("update", "compile"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    for language in LANGUAGES:
        catalog = updated(language) if command == "update" else read(language)
        po_path(language).parent.mkdir(parents=True, exist_ok=True)
        if command == "update":
            po_path(language).write_bytes(po_bytes(catalog))
        po_path(language).with_suffix(".mo").write_bytes(mo_bytes(catalog))
        (TRANSLATIONS / language / "scripts.json").write_bytes(script_bytes(catalog))
        left = missing(catalog)
        sys.stdout.write(f"{language}: {len(catalog)} texts, {len(left)} without a translation\n")
        sys.stdout.writelines(f"  {words}\n" for words in left)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
