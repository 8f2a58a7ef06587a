"""What a server said, made fit to be shown and stored: one line, cut, and without our secrets."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from .limits import SERVER_TEXT_CHARS

MASK = "••••••"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_SHORTEST = 4  # replacing shorter secrets would blank innocent letters everywhere
# Text that may be base64, of either alphabet; four bytes make six letters.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_STANDARD = str.maketrans("-_", "+/")


def clean(text: str | bytes, secrets: Iterable[str] = (), limit: int = SERVER_TEXT_CHARS) -> str:
    """Return `text` as one printable line of at most `limit` characters, with each of `secrets`
    (and its encoded forms, as AUTH PLAIN, LOGIN, XOAUTH2, URLs and JSON carry them) replaced by a mask."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    secrets = tuple(secrets)
    if not secrets and text.isascii() and text.isprintable() and len(text) <= limit:
        return text.strip()  # most texts are, and every message has a dozen
    # Masked twice: taking control characters out may put the pieces of a secret together.
    text = _UNPRINTABLE.sub(" ", mask(text, secrets)).strip()
    text = mask(text, secrets)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with each secret of four characters or more, and each run of base64 that holds one,
    replaced by a mask."""
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    if not known:
        return text
    hidden = tuple(secret.encode("utf-8", "surrogatepass") for secret in known)
    text = _BASE64.sub(lambda run: MASK if _holds(run[0], hidden) else run[0], text)
    for secret in known:
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return text


def _holds(run: str, secrets: tuple[bytes, ...]) -> bool:
    """Tell whether `run`, read as base64 from any of its first four letters, holds one of `secrets`: the run
    may begin with letters of its own, and the secret may stand anywhere inside (AUTH PLAIN)."""
    letters = run.rstrip("=").translate(_STANDARD)
    for start in range(4):
        part = letters[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        decoded = base64.b64decode(part + "=" * (-len(part) % 4))
        if any(secret in decoded for secret in secrets):
            return True
    return False


def _forms(secret: str) -> list[str]:
    """Return `secret` as it stands in clear text, in JSON, in HTML, in URLs and in hexadecimal, the longest first."""
    forms = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}
    digits = secret.encode("utf-8", "surrogatepass").hex()
    forms |= {digits, digits.upper()}
    if secret.isprintable():
        forms |= {quote(secret, safe=""), quote_plus(secret), quote(secret)}
    return sorted(forms, key=len, reverse=True)
