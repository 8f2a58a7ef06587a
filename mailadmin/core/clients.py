"""Client applications of the HTTP API: what they may do, and the tokens that they show."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum

from .secret import Secret

TOKEN_PREFIX = "mla_"  # noqa: S105 -- so that a token that leaked can be recognised, by people and by scanners
_TOKEN_BYTES = 32  # of randomness: nobody guesses it, so that its plain SHA-256 is enough to keep
SHOWN_CHARS = 12  # of a token, by which people tell it from others


class Scope(StrEnum):
    """What a token may be used for."""

    SEND = "send"  # hand over messages, and read what became of those of this client
    READ = "read"  # read the state of every message
    MANAGE = "manage"  # cancel and resend messages
    TEST = "test"  # test connections
    HEALTH = "health"  # read the health of the installation


class DoneState(StrEnum):
    """What the Done event of a message says."""

    SENT = "sent"
    FAILED = "failed"
    UNSURE = "unsure"


def new_token() -> Secret:
    """Return a fresh token. It is shown once; only its digest is kept."""
    return Secret(TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES))


def digest(token: str) -> str:
    """Return what is kept of a token: SHA-256 in hexadecimal letters."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
