"""Secrets in rows: sealed with the key ring, bound to their row and to the destination they are for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import references
from mailadmin.core.destination import Destination
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.keyring import CannotOpen
from mailadmin.core.secret import Secret

_REFERENCE = "ref:"


class SecretHolder(models.Model):
    """A row with one secret. Sub-classes say what the destination of the secret is.

    The secret is stored with a digest of its destination and is dropped as soon as the two do not fit
    together, whoever changed the row and by whatever way.
    """

    secret_word: ClassVar[str] = "secret"  # noqa: S105 -- what people call it: "password", "client secret"

    secret_stored = models.TextField(blank=True, editable=False, default="")
    secret_destination = models.CharField(max_length=64, blank=True, editable=False, default="")
    secret_changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a secret for another destination is dropped, also when only some fields are saved."""
        fields = kwargs.get("update_fields")
        if self.drop_misplaced_secret() and fields is not None:
            kwargs["update_fields"] = {*fields, "secret_stored", "secret_destination", "secret_changed_at"}
        super().save(*args, **kwargs)

    def destination(self) -> Destination:
        """Return the tuple of `core.destination` for this row as it stands."""
        raise TypeError(f"{type(self).__name__} must say what the destination of its secret is.")

    @property
    def has_secret(self) -> bool:
        """Tell whether a secret is stored that belongs to the present destination."""
        return bool(self.secret_stored) and self.secret_destination == _digest(self.destination())

    @property
    def secret_reference(self) -> str:
        """Return the reference ("env:NAME") when the secret is kept outside the database, else ""."""
        return self.secret_stored.removeprefix(_REFERENCE) if self.secret_stored.startswith(_REFERENCE) else ""

    @sensitive_variables("value")
    def set_secret(self, value: str) -> None:
        """Keep `value` (or the reference that it is) for the present destination; "" clears it.

        Raises ValueError with a sentence when it is a reference that the deployment does not allow, and
        ConfigurationError when there is no key.
        """
        if value == "":
            self.clear_secret()
            return
        reference = references.parse(value)
        if reference:
            check_reference(reference)
            self.secret_stored = f"{_REFERENCE}{reference}"
        else:
            self.secret_stored = conf.key_ring().seal(self._secret_context(), value)
        self.secret_destination = _digest(self.destination())
        self.secret_changed_at = timezone.now()

    def clear_secret(self) -> None:
        """Forget the secret."""
        self.secret_stored, self.secret_destination, self.secret_changed_at = "", "", None

    def drop_misplaced_secret(self) -> bool:
        """Forget the secret when the destination changed under it; tell whether that happened."""
        misplaced = bool(self.secret_stored) and not self.has_secret
        if misplaced:
            self.clear_secret()
        return misplaced

    def secret_value(self) -> Secret | None:
        """Return the secret, to be opened only when it is used, or None when there is none for this
        destination. Opening it raises MailError (settings, secret-unreadable)."""
        if not self.has_secret:
            return None
        stored, context, name = self.secret_stored, self._secret_context(), f"{self} ({self.secret_word})"
        return Secret(lambda: _open(stored, context, name))

    def _secret_context(self) -> str:
        return f"{self._meta.label_lower}|{self.pk}|secret"


def check_reference(reference: references.Reference) -> None:
    """Raise ValueError with a sentence when the deployment does not allow `reference`."""
    allow_list = conf.setting("SECRET_REFS")
    if not references.allowed(reference, allow_list):
        raise ValueError(
            f"The reference {reference} is not allowed here. Allowed are: {', '.join(allow_list) or 'none'} "
            '(MAILADMIN["SECRET_REFS"] in the settings of the server).'
        )


def _digest(destination: Destination) -> str:
    return hashlib.sha256(repr(tuple(str(part) for part in destination)).encode()).hexdigest()


@sensitive_variables()
def _open(stored: str, context: str, name: str) -> str:
    try:
        if stored.startswith(_REFERENCE):
            return _read_reference(stored.removeprefix(_REFERENCE))
        return conf.key_ring().open(context, stored)
    except (CannotOpen, conf.ConfigurationError, ValueError) as error:
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_UNREADABLE, text=f"{name}: {error}")) from None


def _read_reference(text: str) -> str:
    reference = references.parse(text)
    if reference is None:
        raise ValueError("The stored reference is damaged; type it again.")
    check_reference(reference)
    if reference.kind == "env":
        value = os.environ.get(reference.name, "")
        if not value:
            raise ValueError(f"The environment variable {reference.name} is not set on this server.")
        return value
    return _read_file(Path(reference.name))


def _read_file(path: Path) -> str:
    try:
        real = path.resolve(strict=True)
        # A symbolic link must not lead out of the folder; the folder itself may be reached by one (/var/run).
        if not references.allowed(references.Reference("file", str(real)), _real(conf.setting("SECRET_REFS"))):
            raise ValueError(f"The file {path} is a symbolic link that leads out of the allowed folders.")
        value = real.read_text("utf-8").rstrip("\r\n")
    except (OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: links in a circle, before Python 3.13
        raise ValueError(f"The file {path} cannot be read on this server.") from None
    if not value:
        raise ValueError(f"The file {path} is empty on this server.")
    return value


def _real(allow_list: Iterable[str]) -> Iterator[str]:
    """Yield the allowed files and folders by their real paths."""
    for kind, _, path in (entry.partition(":") for entry in allow_list):
        if kind == "file":
            yield f"file:{Path(path).resolve()}{'/' if path.endswith('/') else ''}"
