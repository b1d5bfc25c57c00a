"""The words of a PDF as reportlab writes it: enough of a reader for the tests, without another tool."""

from __future__ import annotations

import re
import zlib

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\)\s*Tj", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def pdf_pages_text(pdf: bytes) -> list[str]:
    """The shown ASCII words of each content stream that shows any, spaces evened out."""
    texts = []
    for match in _STREAM.finditer(pdf):
        try:
            content = zlib.decompress(match.group(1))
        except zlib.error:
            continue
        shown = b" ".join(_ESCAPE.sub(_plain, part) for part in _SHOWN.findall(content))
        if shown:
            texts.append(" ".join(shown.decode("latin-1").split()))
    return texts


def pdf_text(pdf: bytes) -> str:
    """All shown words of a PDF."""
    return " ".join(pdf_pages_text(pdf))


def page_count(pdf: bytes) -> int:
    """How many pages the PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def _plain(match: re.Match[bytes]) -> bytes:
    token = match.group(1)
    return bytes([int(token, 8)]) if token.isdigit() and len(token) == 3 else token
