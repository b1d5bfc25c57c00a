"""What the pages of accounts send, checked."""

from __future__ import annotations

from flask import request


def text_of(name: str, *, longest: int = 200) -> str:
    """A field of the form without spaces around it, cut at ``longest`` characters; "" where it is missing."""
    return request.form.get(name, "").strip()[:longest]


def password_of(name: str) -> str:
    """A password as it was typed; anything over 1000 characters is cut, and refused by its length later."""
    return request.form.get(name, "")[:1000]


def is_ticked(name: str) -> bool:
    """Whether a box was ticked."""
    return name in request.form
