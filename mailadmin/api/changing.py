"""What a client does to what is there: cancel a message, send one again, test a connection."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from mailadmin import conf, testruns
from mailadmin.core.addresses import Address, AddressError, parse
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery import resend as sending
from mailadmin.delivery.options import QUEUED
from mailadmin.delivery.outbox import waiting
from mailadmin.models import (
    ApiClient,
    ConnectionTest,
    Delivery,
    IntegratedService,
    MessageContent,
    OAuthService,
    OutboxEntry,
    SmtpConnection,
)
from mailadmin.testruns.subjects import Row

from . import asking, audit
from .handing_over import refuse_route, refuse_sender
from .problems import Problem, Wrong, bad_fields, of_error, too_soon
from .schemas import ResendIn, StepOut, TestOut

_KINDS: dict[str, type[Row]] = {
    RouteKind.SMTP.value: SmtpConnection,
    RouteKind.OAUTH.value: OAuthService,
    "service": IntegratedService,
}


def cancel(request: HttpRequest, client: ApiClient, pk: UUID) -> Delivery:
    """Cancel a message that waits, and return it as it is then. Raises Problem: 409 where it does not wait."""
    row = asking.one(client, pk)
    with transaction.atomic():
        if not waiting.cancel([pk]):
            text = _("This message does not wait: it is being sent just now, or it is over.")
            raise Problem(409, "not-waiting", text, more={"state": row.state})
        audit.record(request, client, "cancelled", row)
    row.refresh_from_db()
    return row


def resend(request: HttpRequest, client: ApiClient, pk: UUID, asked: ResendIn) -> Delivery:
    """Send a message of the log again and return the new one. Raises Problem."""
    row = asking.one(client, pk)
    refuse_sender(client, row.from_address, "")
    if OutboxEntry.objects.filter(pk=pk).exists():
        raise Problem(409, "still-waiting", _("This message still waits in the outbox, so it is not sent again."))
    if not MessageContent.objects.filter(pk=pk).exists():
        text = _("The content of this message was not kept, so it cannot be sent again. Hand it over once more.")
        raise Problem(409, "not-kept", text)
    to = _missed(row) if asked.whom == "missed" else None
    queued = (asked.delivery or conf.delivery()) == QUEUED
    try:
        new = sending.resend(row, to=to, queued=queued, client=client.pk)
    except MailError as error:
        raise of_error(error) from None
    audit.record(request, client, "sent again", row, detail=f"the new message is {new}" if new else "")
    found = Delivery.objects.filter(pk=new).first() if new else None
    if found is None:
        raise Problem(503, "unavailable", _("The message was sent again, and the log of it could not be written."))
    return found


def _missed(row: Delivery) -> list[Address]:
    found = []
    for address in sending.missed(row):
        try:
            found.append(parse(address, local_names=True))
        except AddressError:
            continue
    if not found:
        raise Problem(409, "nobody-missed", _("Everybody got this message."))
    return found


def test(client: ApiClient, name: str, recipient: str) -> TestOut:
    """Test the connection called `name` ("Relay A", or "smtp:Relay A" where several have one name), with a real message
    where there is a `recipient`, and return what came out. Raises Problem."""
    kind, row = _named(name)
    refuse_route(client, None if kind == "service" else RouteKey(RouteKind(kind), str(row.pk)), "")
    if client.routes and kind == "service":
        raise Problem(403, "route-not-allowed", _("This API client may test its own routes alone."))
    try:
        subject = testruns.subject_of_row(row)
        to = parse(recipient).spec if recipient else ""
    except AddressError as error:
        raise bad_fields([Wrong("recipient", "bad-address", str(error))]) from None
    except (ValueError, MailError) as error:
        text = _("The settings of “{name}” cannot be used: {error}").format(name=row.name, error=error)
        raise Problem(409, "not-usable", text) from None
    try:
        return _told(testruns.run_now(subject, recipient=to, client=client))
    except testruns.TooManyTests as error:
        raise too_soon("too-many-tests", str(error), 60) from None


def _named(name: str) -> tuple[str, Row]:
    kind, colon, rest = name.partition(":")
    models = {kind: _KINDS[kind]} if colon and kind in _KINDS else _KINDS
    wanted = rest if models is not _KINDS else name
    found = [
        (kind, row)
        for kind, model in models.items()
        if (row := model._default_manager.filter(name__iexact=wanted).first())
    ]
    if not found:
        raise Problem(404, "not-found", _("Nothing is called “{name}”.").format(name=wanted[:80]))
    if len(found) > 1:
        ways = _(" or ").join(f"“{kind}:{row.name}”" for kind, row in found)
        text = _("“{name}” is the name of more than one; say {ways}.").format(name=wanted[:80], ways=ways)
        raise Problem(409, "ambiguous", text)
    return found[0]


def _told(test: ConnectionTest) -> TestOut:
    columns: tuple[str, ...] = tuple(StepOut.model_fields)
    steps: list[dict[str, Any]] = [
        {name: getattr(step, name) for name in columns} | {"state": str(step.state), "seconds": round(step.seconds, 3)}
        for step in testruns.steps_of(test)
    ]
    return TestOut(
        id=test.pk,
        name=test.name,
        kind=test.kind,
        target=test.target,
        state=str(test.shown_state),
        verdict=test.verdict,
        duration_ms=test.duration_ms,
        steps=[StepOut(**step) for step in steps],
    )
