"""Secrets in rows: sealed with the key ring, bound to their row and to the destination they are for.

A row may keep several, each in a slot of its own:

    class Relay(SecretHolder):
        secret = SecretSlot("password", lambda row: smtp_destination(row.to_route()))

    relay.secret.set("...")
    relay.secret.value()
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from django.db import models
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import references
from mailadmin.core.destination import Destination
from mailadmin.core.errors import MailError
from mailadmin.core.secret import Secret

from .opening import REFERENCE, check_reference, open_stored

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


class SecretSlot:
    """A named secret of a model, declared in its class body; on a row it gives the `HeldSecret`.

    `word` is what people call it ("password"), or returns that for a row; `destination` returns for a row where the
    secret may travel, and must not open any secret. The slot brings three columns: `<name>_stored`,
    `<name>_destination`, `<name>_changed_at`.
    """

    def __init__(self, word: _StrOrPromise | Callable[[Any], str], destination: Callable[[Any], Destination]) -> None:
        self.word = word
        self.destination = destination
        self.name = ""

    def contribute_to_class(self, model: type[models.Model], name: str) -> None:
        """Add the columns; Django calls this while it makes the class."""
        self.name = name
        columns: dict[str, models.Field[Any, Any]] = {
            "stored": models.TextField(blank=True, editable=False, default=""),
            "destination": models.CharField(max_length=64, blank=True, editable=False, default=""),
            "changed_at": models.DateTimeField(null=True, blank=True, editable=False),
        }
        for suffix, column in columns.items():
            column.contribute_to_class(model, f"{name}_{suffix}")
        setattr(model, name, self)

    @overload
    def __get__(self, row: None, owner: type) -> SecretSlot: ...

    @overload
    def __get__(self, row: models.Model, owner: type) -> HeldSecret: ...

    def __get__(self, row: models.Model | None, owner: type) -> SecretSlot | HeldSecret:
        return self if row is None else HeldSecret(self, row)


class HeldSecret:
    """The secret of one slot of one row: put in, kept, dropped, and opened only when it is used."""

    def __init__(self, slot: SecretSlot, row: models.Model) -> None:
        self.name = slot.name
        self.columns = tuple(f"{slot.name}_{suffix}" for suffix in ("stored", "destination", "changed_at"))
        self._slot, self._row = slot, row

    @property
    def word(self) -> str:
        """Return what people call the secret."""
        word = self._slot.word
        return word(self._row) if callable(word) else str(word)

    @property
    def sealed(self) -> str:
        """Return what the row holds, sealed or as a reference; "" when it holds nothing."""
        return str(getattr(self._row, self.columns[0]))

    @property
    def changed_at(self) -> datetime | None:
        """Return when the secret was put in."""
        changed: datetime | None = getattr(self._row, self.columns[2])
        return changed

    @property
    def stored(self) -> bool:
        """Tell whether a secret is stored that belongs to the present destination."""
        return bool(self.sealed) and getattr(self._row, self.columns[1]) == _digest(self.destination())

    @property
    def reference(self) -> str:
        """Return the reference ("env:NAME") when the secret is kept outside the database, else ""."""
        return self.sealed.removeprefix(REFERENCE) if self.sealed.startswith(REFERENCE) else ""

    def destination(self) -> Destination:
        """Return the tuple of `core.destination` for the row as it stands."""
        return self._slot.destination(self._row)

    @sensitive_variables("value")
    def set(self, value: str) -> None:
        """Keep `value` (or the reference that it is) for the present destination; "" clears it.

        Raises ValueError with a sentence when it is a reference that the deployment does not allow, and
        ConfigurationError when there is no key.
        """
        if value == "":
            self.clear()
            return
        reference = references.parse(value)
        if reference:
            check_reference(reference)
            sealed = f"{REFERENCE}{reference}"
        else:
            sealed = conf.key_ring().seal(self._context(), value)
        self._write(sealed, _digest(self.destination()), timezone.now())

    def clear(self) -> None:
        """Forget the secret."""
        self._write("", "", None)

    def drop_if_misplaced(self) -> bool:
        """Forget the secret when the destination changed under it; tell whether that happened."""
        misplaced = bool(self.sealed) and not self.stored
        if misplaced:
            self.clear()
        return misplaced

    def value(self) -> Secret | None:
        """Return the secret, to be opened only when it is used, or None when there is none for this
        destination. Opening it raises MailError (settings, secret-unreadable)."""
        if not self.stored:
            return None
        sealed, context, name = self.sealed, self._context(), f"{self._row} ({self.word})"
        version = self.changed_at.isoformat() if self.changed_at else ""
        return Secret(lambda: open_stored(sealed, context, name), version)

    def _write(self, sealed: str, destination: str, changed_at: datetime | None) -> None:
        for column, value in zip(self.columns, (sealed, destination, changed_at), strict=True):
            setattr(self._row, column, value)

    def _context(self) -> str:
        return f"{self._row._meta.label_lower}|{self._row.pk}|{self.name}"


@sensitive_variables()
def exchange(one: HeldSecret, other: HeldSecret, meanwhile: Callable[[], None]) -> None:
    """Swap what two slots of one row hold, each sealed anew for its new slot; the dates go with them.

    `meanwhile` changes what decides the destinations of the slots. What belongs elsewhere, or cannot be read any
    more, is forgotten. Raises ConfigurationError when there is no key.
    """
    taken = [(held, *_taken(held)) for held in (one, other)]
    meanwhile()
    for (_, text, changed_at), held in zip(taken, (other, one), strict=True):
        try:
            held.set(text)
        except ValueError:  # a reference that was allowed once
            held.clear()
        if held.sealed:
            setattr(held._row, held.columns[2], changed_at)


@sensitive_variables()
def _taken(held: HeldSecret) -> tuple[str, datetime | None]:
    """Return the text that puts the secret into another slot, "" for none, and its date."""
    secret = held.value()
    try:
        return held.reference or (secret.reveal() if secret else ""), held.changed_at
    except MailError:
        return "", None


class SecretHolder(models.Model):
    """A row with secrets in slots. Each is stored with a digest of its destination and is dropped as soon as the
    two do not fit together, whoever changed the row and by whatever way."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a secret for another destination is dropped, also when only some fields are saved."""
        fields = kwargs.get("update_fields")
        dropped = {column for held in self.secrets() if held.drop_if_misplaced() for column in held.columns}
        if dropped and fields is not None:
            kwargs["update_fields"] = {*fields, *dropped}
        super().save(*args, **kwargs)

    def secrets(self) -> list[HeldSecret]:
        """Return what is in all the slots of the row."""
        kinds = reversed(type(self).__mro__)
        slots = (value for kind in kinds for value in vars(kind).values() if isinstance(value, SecretSlot))
        return [HeldSecret(slot, self) for slot in slots]

    def needs_secret(self, name: str) -> bool:
        """Tell whether the row, as it stands, cannot work without the secret in the slot `name`."""
        return False

    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret does not fit the row; call it after the secrets are put in."""
        return {}

    @sensitive_variables("value")
    def set_secret(self, value: str) -> None:
        """Keep `value` in the slot called `secret`, the one that a row signs in with; see `HeldSecret.set`."""
        next(held for held in self.secrets() if held.name == "secret").set(value)


def _digest(destination: Destination) -> str:
    return hashlib.sha256(repr(tuple(str(part) for part in destination)).encode()).hexdigest()
