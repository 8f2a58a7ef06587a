"""Sending a message of the log again, from the content that was kept: a message of its own, linked to the first."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from email.utils import make_msgid
from uuid import UUID

from django.core.mail import EmailMessage
from django.core.mail.utils import DNS_NAME
from django.utils import timezone

from mailadmin.core import resend as rules
from mailadmin.core.addresses import Address
from mailadmin.core.errors import MailError
from mailadmin.core.outcome import Priority, RecipientState
from mailadmin.models import Delivery, DeliveryRecipient

from . import log, routes
from .convert import Draft
from .options import DIRECT, QUEUED, SendOptions
from .outbox import content
from .outbox.enqueue import enqueue_draft
from .send import Sessions, complete, plan


def resend(
    delivery: Delivery,
    *,
    to: Sequence[Address] | None,
    asked_by: object = None,
    queued: bool,
    client: UUID | None = None,
) -> UUID | None:
    """Send `delivery` again and return the id of the new one (None: sent directly, and the log could not be written).

    It goes to the recipients `to`, or to those of the first one when that is None. `queued` puts it into the outbox;
    else the caller waits, as in direct mode. `asked_by` is the primary key of the user, or `client` that of the API
    client, whose routes it keeps to. Raises MailError: content-lost when nothing is kept of the message,
    queue-unavailable, SendingHeld. What a server said to it directly is in the log and raises nothing.
    """
    draft = copy(content.load(delivery.pk), to)
    options = SendOptions(
        mailer=delivery.mailer,
        label=delivery.label,
        asked_by=asked_by,
        is_test=delivery.is_test,
        delivery=QUEUED if queued else DIRECT,
        priority=Priority(delivery.priority),
        resend_of=delivery.pk,
        client=client,
        metadata=delivery.metadata,
    )
    snapshot = routes.current()
    if queued:
        return enqueue_draft(draft, options, snapshot, resend_of=delivery.pk)
    job = plan(EmailMessage(), draft, options, snapshot)
    log.begin([job.entry])
    with contextlib.closing(Sessions()) as sessions, contextlib.suppress(MailError):
        complete(job, sessions)
    return UUID(job.entry.id) if job.entry.id else None


def copy(draft: Draft, to: Sequence[Address] | None) -> Draft:
    """Return `draft` as it is sent again, to `to` (or to all of its own recipients when that is None). A recipient of
    the first message stays in its field; somebody else comes into To. What is redirected is redirected anew, or not."""
    at = timezone.localtime()
    message_id = make_msgid(domain=_domain(draft))
    head = rules.again(draft.content.head, message_id, at)
    draft = replace(draft, content=draft.content.with_head(head), message_id=message_id)
    if to is None:
        return draft
    fields = {address.key: kind for address, kind in draft.recipients}
    recipients = tuple((address, fields.get(address.key, "to")) for address in _once(to))
    return replace(
        draft,
        content=draft.content.with_head(rules.addressed(head, recipients)),
        recipients=recipients,
        named=frozenset(address.key for address, kind in recipients if kind != "bcc"),
    )


def missed(delivery: Delivery) -> list[str]:
    """Return the addresses that did not surely get the message."""
    rows = DeliveryRecipient.objects.filter(delivery=delivery).exclude(state=RecipientState.SENT)
    return list(dict.fromkeys(rows.values_list("address", flat=True)))


def _domain(draft: Draft) -> str:
    """Return what stands after the @ of the first Message-ID, so that the copy's looks alike; this host's name when
    there is none to go by."""
    domain = draft.message_id.rpartition("@")[2].rstrip(">").strip()
    return domain if domain.isascii() and domain.replace(".", "").replace("-", "").isalnum() else str(DNS_NAME)


def _once(addresses: Collection[Address]) -> list[Address]:
    return list({address.key: address for address in addresses}.values())
