"""Erasing a person: the log forgets an address, in every place where it stands.

Of messages to this address alone nothing remains but that there was one, when, by which route and with what outcome. Of
messages to several people, and of those whose subject or metadata name the address, the address goes, and the rest
stays; their kept content goes as well, because it names everybody. Messages that still wait are left, because erasing
them would be losing them: cancel them first, or erase again when they are over. The audit trail is never changed: it
names no recipient, but it keeps the subject of a message that somebody sent again or cancelled by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Cast
from django.db.models.lookups import IContains

from mailadmin.core import limits
from mailadmin.models import (
    ConnectionTest,
    ConnectionTestStep,
    Delivery,
    DeliveryAttempt,
    DeliveryRecipient,
    MessageContent,
    OutboxEntry,
    SandboxMessage,
    SenderRefusal,
)

from . import log_text

ERASED = "(erased)"

# Where the address of a recipient may stand: texts, and lists of texts.
_FIELDS: dict[type[models.Model], tuple[str, ...]] = {
    Delivery: (
        *("subject", "from_address", "sent_as", "message_id", "reason", "progress"),
        *("redirected_to", "skipped", "metadata"),
    ),
    DeliveryRecipient: ("code", "reason"),
    DeliveryAttempt: ("answer", "problem", "server_code", "remedy"),
    ConnectionTest: ("recipient", "verdict"),
    ConnectionTestStep: ("fact", "problem", "cause", "notes", "dialogue", "remedy", "details"),
}


@dataclass(frozen=True)
class Known:
    """What is known of an address: messages that are over, messages that wait, and messages in the sandbox."""

    over: int
    waiting: int
    sandbox: int


def known(address: str) -> Known:
    """Return how many messages know `address` (in any case)."""
    keys = _about(address)
    waiting = len(keys) - sum(len(batch) for batch in _over(keys))
    return Known(over=len(keys) - waiting, waiting=waiting, sandbox=_in_sandbox(address).count())


def erase(address: str) -> int:
    """Forget `address` (in any case), and return of how many messages. Done in small transactions; interrupted, it can
    be done again."""
    erased = 0
    for batch in _over(_about(address)):
        with transaction.atomic(using=log_text.alias()):
            _forget(address, batch)
        erased += len(batch)
    _forget_tests(address)
    _in_sandbox(address).delete()
    SenderRefusal.objects.filter(sender__iexact=address).delete()
    return erased


def _about(address: str) -> list[UUID]:
    """Return the messages to `address`, also those that nobody tried to send, those that it got instead of their
    recipients, and those whose subject or metadata names it: each table is read once."""
    tried = DeliveryRecipient.objects.filter(address__iexact=address).order_by().values_list("delivery_id", flat=True)
    known = Q(redirected_to__iexact=address) | Q(subject__icontains=address)
    known |= _contains("recipient_list", address) | _contains("metadata", address)
    columns = ("pk", "redirected_to", "subject", "metadata", "recipient_list")
    rows = Delivery.objects.filter(known).order_by().values_list(*columns)
    pattern, named = _pattern(address), _named(address)
    found = (
        key
        for key, instead, subject, metadata, asked in rows
        if pattern.search("\n".join((instead, subject, *metadata, *metadata.values())))
        or any(named.search(text) for _, text in asked)
    )
    return list(dict.fromkeys([*tried, *found]))


def _over(keys: Sequence[UUID]) -> Iterator[list[UUID]]:
    """Yield those of `keys` that do not wait in the outbox, some at a time."""
    for start in range(0, len(keys), limits.PRUNE_ROWS):
        batch = keys[start : start + limits.PRUNE_ROWS]
        waiting = set(OutboxEntry.objects.filter(delivery__in=batch).values_list("delivery_id", flat=True))
        if over := [key for key in batch if key not in waiting]:
            yield over


def _in_sandbox(address: str) -> models.QuerySet[SandboxMessage]:
    """Return the messages of the sandbox that went to `address`."""
    named = _named(address)
    found = SandboxMessage.objects.filter(_contains("recipients", address)).values_list("pk", "recipients")
    keys = [key for key, recipients in found if any(map(named.search, recipients))]
    return SandboxMessage.objects.filter(pk__in=keys)


def _contains(column: str, address: str) -> Q:
    """Return the condition that `address` stands in a string of the JSON in `column`, perhaps in a longer address.
    PostgreSQL keeps the letters as they are, SQLite and MariaDB keep the escapes with which they were written."""
    spellings = {json.dumps(address)[1:-1], json.dumps(address, ensure_ascii=False)[1:-1]}
    return reduce(or_, (Q(IContains(Cast(column, models.TextField()), spelling)) for spelling in spellings))


def _forget(address: str, batch: Sequence[UUID]) -> None:
    """Take `address` out of the deliveries `batch`."""
    pattern = _pattern(address)
    deliveries = list(Delivery.objects.filter(pk__in=batch))
    _rewrite(pattern, deliveries)
    named = _named(address)
    for delivery in deliveries:  # with the name beside it, where what was given could not be read as an address
        asked = delivery.recipient_list
        delivery.recipient_list = [[field, ERASED if named.search(text) else text] for field, text in asked]
    for delivery in deliveries:
        _forget_alone(pattern, delivery)
    Delivery.objects.bulk_update(deliveries, ["recipient_list", "subject", "metadata", "idempotency_key"])
    DeliveryRecipient.objects.filter(delivery__in=batch, address__iexact=address).update(address=ERASED)
    _rewrite(pattern, DeliveryRecipient.objects.filter(delivery__in=batch))
    _rewrite(pattern, DeliveryAttempt.objects.filter(delivery__in=batch))
    MessageContent.objects.filter(delivery__in=batch).delete()
    log_text.rewrite(batch)


def _forget_tests(address: str) -> None:
    """Take `address` out of the connection tests that sent their message to it."""
    tests = ConnectionTest.objects.filter(recipient__iexact=address)
    steps = list(ConnectionTestStep.objects.filter(test__in=tests))
    _rewrite(_pattern(address), tests)
    _rewrite(_pattern(address), steps)


def _pattern(address: str) -> re.Pattern[str]:
    """Return what finds `address`, and no longer one that ends or begins with it."""
    return re.compile(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)


def _named(address: str) -> re.Pattern[str]:
    """Return what finds `address` in what an application named as a recipient: any sign that the part before the @ may
    have (RFC 5322, atext) makes it another one."""
    return re.compile(rf"(?<![\w.!#$%&'*+/=?^`{{|}}~-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)


def _rewrite(pattern: re.Pattern[str], rows: Iterable[models.Model]) -> None:
    """Take what fits `pattern` out of the texts of `rows`, which are of one model."""
    found = list(rows)
    for row in found:
        for name in _FIELDS[type(row)]:
            longest = getattr(row._meta.get_field(name), "max_length", None)
            setattr(row, name, _without(pattern, getattr(row, name), longest))
    if found:
        type(found[0])._default_manager.bulk_update(found, _FIELDS[type(found[0])])


def _forget_alone(pattern: re.Pattern[str], row: Delivery) -> None:
    """What a message to one person says in its subject is about this person; and so may be the caller's names for
    it."""
    alone = all(address == ERASED for _, address in row.recipient_list)
    if alone:
        row.subject, row.metadata = ERASED, {}
    if row.idempotency_key and (alone or pattern.search(row.idempotency_key)):
        row.idempotency_key = None


def _without(pattern: re.Pattern[str], value: Any, longest: int | None = None) -> Any:
    """Return `value`, a text or a list of texts and lists, or texts by their names, without what fits `pattern`."""
    if isinstance(value, dict):
        return {_without(pattern, name): _without(pattern, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without(pattern, one) for one in value]
    return pattern.sub(ERASED, value)[:longest] if isinstance(value, str) else value
