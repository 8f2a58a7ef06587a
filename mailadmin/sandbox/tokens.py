"""The sandbox's app registration, and the tokens it gets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

TOKEN_SECONDS = 3599  # as Entra
SEND, READ_WRITE, READ = "Mail.Send", "Mail.ReadWrite", "Mail.Read"
SMTP_ROLE = "SMTP.SendAsApp"


@dataclass(frozen=True)
class Registration:
    """The one app registration that the sandbox knows, and the permissions on Graph that its tokens carry."""

    tenant: str
    client_id: str
    client_secret: str
    roles: tuple[str, ...] = (SEND, READ_WRITE, READ)


class Tokens:
    """Issues and checks tokens. They look like JWTs and are signed with a key of this process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def issue(self, audience: str, roles: Sequence[str], registration: Registration) -> str:
        """Return a token for `audience` that carries `roles`."""
        now = int(self._clock())
        claims = {
            "aud": audience,
            "iss": f"https://sts.sandbox.invalid/{registration.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "appid": registration.client_id,
            "tid": registration.tenant,
            "uti": secrets.token_urlsafe(16),
        }
        if roles:  # Entra leaves the claim out when there is none
            claims["roles"] = list(roles)
        signed = f"{packed({'typ': 'JWT', 'alg': 'HS256'})}.{packed(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def check(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this process issued and that still holds, else None."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode()):
            return None
        claims: dict[str, Any] = unpacked(signed.partition(".")[2])
        return claims if claims["exp"] > self._clock() else None

    def _sign(self, text: str) -> str:
        return unpadded(hmac.digest(self._key, text.encode(), hashlib.sha256))


def packed(value: dict[str, Any]) -> str:
    """Return a part of a JWT (RFC 7515 section 3)."""
    return unpadded(json.dumps(value).encode())


def unpacked(text: str) -> dict[str, Any]:
    """Return what a part of a JWT says. Raises ValueError when it is none."""
    value = json.loads(decoded(text))
    if not isinstance(value, dict):
        raise ValueError("A part of a JWT is a JSON object.")
    return value


def unpadded(raw: bytes) -> str:
    """Return `raw` in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
