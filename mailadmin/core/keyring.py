"""Encryption of secrets at rest: a ring of keys, and values bound to the place they belong to.

A sealed value is `v1:<key id>:<Fernet token>`; inside the token stand the context (model, UUID, field) and
the value, so that a ciphertext moved to another row, or another field, does not open. Bytes are sealed alike, without
base64 around the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .texts import _

if TYPE_CHECKING:  # loaded with the first key: a process that only sends, without a password, does without
    from cryptography.fernet import Fernet

_VERSION = "v1"


class CannotOpen(Exception):
    """A stored secret cannot be read; the text is a sentence for the administrator."""


class KeyRing:
    """Keys by their id. The first seals; all of them open.

    Takes Fernet keys (32 bytes, URL-safe base64) in order. Raises ValueError with a sentence when there
    is none or one is not a key.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        from cryptography.fernet import Fernet

        self._keys: dict[str, Fernet] = {}
        for key in keys:
            try:
                self._keys[key_id(key)] = Fernet(key)
            except ValueError:
                raise ValueError(
                    _(
                        "One of the encryption keys is not a Fernet key (32 bytes in URL-safe base64). "
                        "Make one with: python manage.py mailadmin_key"
                    )
                ) from None
        if not self._keys:
            raise ValueError(_("There is no encryption key."))

    @property
    def current(self) -> str:
        """Return the id of the key that seals."""
        return next(iter(self._keys))

    def seal(self, context: str, value: str) -> str:
        """Return `value` encrypted for `context`."""
        token = self._keys[self.current].encrypt(json.dumps([context, value]).encode())
        return f"{_VERSION}:{self.current}:{token.decode()}"

    def open(self, context: str, sealed: str) -> str:
        """Return the value that was sealed for `context`. Raises CannotOpen with a sentence."""
        version, _colon, rest = sealed.partition(":")
        used, _colon, token = rest.partition(":")
        if version != _VERSION or not token:
            raise CannotOpen(_("The stored secret is damaged; type it again."))
        if used not in self._keys:
            raise CannotOpen(
                _(
                    "The stored secret was encrypted with key {used}, which this server does not have. Put that key "
                    "back into the key file, or type the secret again."
                ).format(used=used)
            )
        from cryptography.fernet import InvalidToken

        try:
            bound, value = json.loads(self._keys[used].decrypt(token.encode()))
        except (InvalidToken, ValueError, TypeError):
            raise CannotOpen(_("The stored secret is damaged; type it again.")) from None
        if bound != context:
            raise CannotOpen(_("The stored secret belongs to another entry; type it again."))
        return str(value)

    def seal_bytes(self, context: str, data: bytes) -> bytes:
        """Return `data` encrypted for `context`."""
        token = self._keys[self.current].encrypt(b"".join((context.encode(), b"\0", data)))
        return f"{_VERSION}:{self.current}:".encode() + base64.urlsafe_b64decode(token)

    def open_bytes(self, context: str, sealed: bytes) -> bytes:
        """Return the bytes that were sealed for `context`. Raises CannotOpen with a sentence."""
        version, _colon, rest = bytes(sealed).partition(b":")
        used, _colon, token = rest.partition(b":")
        if version != _VERSION.encode() or not token:
            raise CannotOpen(_("The stored content is damaged."))
        key = self._keys.get(used.decode("ascii", "replace"))
        if key is None:
            text = _(
                "The stored content was encrypted with key {used}, which this server does not have. Put that key back "
                "into the key file."
            )
            raise CannotOpen(text.format(used=used.decode("ascii", "replace")))
        from cryptography.fernet import InvalidToken

        try:
            clear = key.decrypt(base64.urlsafe_b64encode(token))
        except InvalidToken:
            raise CannotOpen(_("The stored content is damaged.")) from None
        bound, _nul, data = clear.partition(b"\0")
        if bound != context.encode():
            raise CannotOpen(_("The stored content belongs to another message."))
        return data


def key_id(key: str) -> str:
    """Return the short public name of a key: eight hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def new_key() -> str:
    """Return a fresh key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
