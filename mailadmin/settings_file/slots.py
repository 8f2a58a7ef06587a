"""Puts the references of a file into the slots of a row. What the file does not name stays, as long as it goes where it
went: a stored secret belongs to its destination, in a file as in a form."""

from __future__ import annotations

from collections.abc import Iterator

from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core.settings import CredentialKind
from mailadmin.models.alerts import webhook_host
from mailadmin.models.credentials import FIRST, NO_END, SECOND, CredentialHolder
from mailadmin.models.secrets import SecretHolder

from .document import Document, Entry
from .faults import Fault
from .table import Key, Row, Values

_ADDRESS = "url"  # the slot of a webhook's address, whose host people see
_LOST = (
    "The stored {word} belongs to what this was before, and goes nowhere else. Name where the new one is kept, as "
    "“env:NAME” or “file:/path”; or write “” to go without."
)


@sensitive_variables()
def put_secrets(document: Document, entry: Entry, row: Row, before: Values) -> Iterator[Fault]:
    """Settle what each slot of `row` holds from now on, and yield what is wrong with that; `before` is what the row
    was, {} for a new one."""
    right = True
    for key in (one for one in entry.table.keys if one.secret):
        if sentence := _put(row, key, entry.given.get(key.name), before.get(key.name, "")):
            right = False
            yield document.fault(entry, key.name, sentence)
    if right and isinstance(row, SecretHolder):
        for name, sentence in row.secret_errors().items():
            yield document.fault(entry, entry.table.key_of(name), sentence)


@sensitive_variables()
def _put(row: Row, key: Key, given: str | None, before: str) -> str:
    """Put what the file says into one slot (None: nothing is said); return what is wrong with it, "" for nothing."""
    held = key.held(row)
    if given is None:
        lost = held.drop_if_misplaced() and bool(before) and row.needs_secret(key.column)
        return _LOST.format(word=held.word) if lost else ""
    try:
        if key.column == _ADDRESS:
            row.host = webhook_host(given) if given else ""
        if not given or given != held.reference or not held.stored:
            held.set(given)
    except (ValueError, conf.ConfigurationError) as error:
        return str(error)
    return _without_end(row, key) if given and given != before else ""


def _without_end(row: Row, key: Key) -> str:
    """Return what to say of a client secret, put in just now, whose last day is not told; "" for any other."""
    for columns in (FIRST, SECOND):
        if isinstance(row, CredentialHolder) and key.column == columns.secret:
            typed = columns.kind_of(row) is CredentialKind.SECRET
            return str(NO_END) if typed and not getattr(row, columns.ends_on) else ""
    return ""
