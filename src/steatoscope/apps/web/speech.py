"""Languages of the pages: which one a request gets, and the words of the catalogues in it.

English is the source. Texts that are data (errors, warnings, stages, roles) are translated where they are shown, by
their English words, so that programs always get one language.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel.numbers import format_decimal, get_decimal_symbol
from flask import Flask, Response, abort, request, url_for
from flask_babel import Babel, get_locale, gettext

from steatoscope.apps.web.context import principal
from steatoscope.apps.web.guard import public
from steatoscope.apps.web.names import GRADES, PROFILES, RIGHTS, ROLES, SCALES, STAGES, STATES
from steatoscope.apps.web.report_words import SENTENCE_END, for_page, is_plain, matched, with_comma
from steatoscope.core.errors import WARNINGS

LANGUAGES: Final = (("en", "English"), ("de", "Deutsch"))
LANGUAGE_COOKIE: Final = "steatoscope-language"
_FILTERS: Final = MappingProxyType(
    {
        "role_name": ROLES,
        "right_name": RIGHTS,
        "state_name": STATES,
        "grade_name": GRADES,
        "stage_name": STAGES,
        "scale_name": SCALES,
    }
)
TRANSLATIONS: Final = Path(__file__).parent / "translations"
babel = Babel()


def register_languages(app: Flask) -> None:
    """Choose the language of each request; add the filters that speak it, and the catalogue for scripts."""
    babel.init_app(app, locale_selector=chosen_language)
    filters = app.jinja_env.filters
    filters["spoken"] = spoken
    filters["profile_name"] = profile_name
    for name, words in _FILTERS.items():
        filters[name] = lambda key, words=words: gettext(words[key]) if key in words else (key or "")
    app.add_url_rule("/speech/<language>.json", "speech", public(_catalogue))
    app.context_processor(_language_of_page)


def chosen_language() -> str:
    """The account's language, else the cookie's, else the best that the browser accepts, else English."""
    known = [code for code, _words in LANGUAGES]
    for wish in (principal().language, request.cookies.get(LANGUAGE_COOKIE, "")):
        if wish in known:
            return wish
    return request.accept_languages.best_match(known) or known[0]


def language() -> str:
    """The language of the current page, as a code."""
    return str(get_locale() or "en").split("_", maxsplit=1)[0]


def spoken(text: str | None) -> str:
    """A text of a catalogue or of a report in the language of the page; what is not known stays as it is."""
    text = for_page(text or "")
    if not text or language() == "en":
        return text
    known = _known(text)
    if known is not None:
        return known
    sentences = SENTENCE_END.split(text)
    if len(sentences) > 1:
        return " ".join(spoken(sentence) for sentence in sentences)
    return _with_local_numbers(text) if is_plain(text) else text


def profile_name(name: str) -> str:
    """A profile of grade limits by its name and its limits, such as "NASH CRN histology (5/33/66 %)"."""
    from steatoscope.science.clinical.grades import profile_named

    limits = "/".join(format_decimal(limit, locale=get_locale()) for limit in profile_named(name).limits)
    return f"{gettext(PROFILES[name])} ({limits} %)"


def _known(text: str) -> str | None:
    """The translation of a whole text, of standard words before a detail, or of a pattern; else None."""
    translated = str(gettext(text))
    if translated != text:
        return translated
    for words in WARNINGS.values():
        if text.startswith(words + " "):
            return f"{gettext(words)} {spoken(text[len(words) + 1 :])}"
    if (found := matched(text)) is None:
        return None
    pattern, places = found
    return str(gettext(pattern)).format(**{name: _place(name, value) for name, value in places.items()})


def _place(name: str, value: str) -> str:
    if name == "grades":
        return f" {gettext('or')} ".join(spoken(part) for part in value.split(" or "))
    if name == "listed":
        return ", ".join(spoken(part) for part in value.split(", "))
    said = spoken(value)
    return _with_local_numbers(said) if said == value else said


def _with_local_numbers(text: str) -> str:
    return with_comma(text) if get_decimal_symbol(get_locale()) == "," else text


def _language_of_page() -> dict[str, object]:
    code = language()
    address = "" if code == "en" else url_for("speech", language=code, v=_script_words(code)[1][:12])
    return {"language": code, "languages": LANGUAGES, "catalogue_address": address}


@lru_cache(maxsize=8)
def _script_words(language: str) -> tuple[str, str]:
    """The catalogue of scripts as JSON, and its digest."""
    path = TRANSLATIONS / language / "scripts.json"
    content = path.read_text(encoding="utf-8") if path.is_file() else json.dumps({})
    return content, hashlib.sha256(content.encode()).hexdigest()


def _catalogue(language: str) -> Response:
    if language not in {code for code, _words in LANGUAGES}:
        abort(404)
    content, digest = _script_words(language)
    response = Response(content, mimetype="application/json")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(digest)
    response.make_conditional(request)
    return response
