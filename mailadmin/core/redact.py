"""What a server said, made fit to be shown and stored: one line, cut, and without our secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from .limits import SERVER_TEXT_CHARS

MASK = "••••••"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SHORTEST = 4  # replacing shorter secrets would blank innocent letters everywhere


def clean(text: str | bytes, secrets: Iterable[str] = (), limit: int = SERVER_TEXT_CHARS) -> str:
    """Return `text` as one printable line of at most `limit` characters, with each of `secrets`
    (and its base64 forms, as AUTH PLAIN, LOGIN and XOAUTH2 send them) replaced by a mask."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = mask(text, secrets)
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with each secret and its base64 forms replaced by a mask."""
    for secret in secrets:
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> list[str]:
    if len(secret) < _SHORTEST:
        return []
    raw = secret.encode()
    # Inside a longer base64 text the secret may start at any of three offsets; the middle is the same.
    inner = [base64.b64encode(b"\0" * pad + raw).decode()[4 if pad else 0 : -4] for pad in range(3)]
    return [secret, base64.b64encode(raw).decode(), *(form for form in inner if len(form) >= 8)]
