"""What people do to messages of the log: send one again, send or cancel many."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django.views.decorators.http import require_POST

from mailadmin import conf
from mailadmin.console import audit, outbox_actions
from mailadmin.console.access import needs, page_before
from mailadmin.console.outbox_actions import ACTIONS
from mailadmin.core import limits
from mailadmin.core.addresses import Address, AddressError, parse, parse_list
from mailadmin.core.errors import MailError
from mailadmin.delivery import resend as sending
from mailadmin.models import Delivery, OutboxEntry, Worker
from mailadmin.watch.outbox import START_WORKER, server_now

from .outbox import identifiers

ALL, MISSED, OTHERS = "all", "missed", "others"
_SHOWN = 3  # reasons why messages were not sent again


@require_POST
@needs("mailadmin.resend_delivery")
def resend(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send one message again and lead to the page of the new one: to `whom` "all" of its recipients, to those who
    "missed" it, or to "others", which are typed in `to`."""
    delivery = get_object_or_404(Delivery, pk=pk)
    try:
        to = _whom(request, delivery)
        new = _send_again(request, delivery, to)
    except (AddressError, _NotAgain, MailError, conf.ConfigurationError) as error:
        messages.error(request, _("Nothing was sent again. {reason}").format(reason=error))
        return redirect("mailadmin:log", pk=pk)
    return redirect("mailadmin:log", pk=new or pk)


@require_POST
@needs("mailadmin.resend_delivery")
def resend_many(request: HttpRequest) -> HttpResponse:
    """Queue the ticked messages (`message`, repeated) again, each for those who did not surely get it, or for all of
    its recipients when everybody did."""
    ids = identifiers(request)
    if not ids:
        messages.warning(request, _("Nothing was sent again: tick the messages first."))
    elif not _worker_sends():
        text = _("Nothing was sent again: many messages need a worker. Start one with: {command}")
        messages.error(request, text.format(command=START_WORKER))
    else:
        _tell_many(request, *_send_each(request, list(Delivery.objects.filter(pk__in=ids).order_by("pk"))))
    return HttpResponseRedirect(page_before(request))


@require_POST
@needs("mailadmin.manage_outbox")
def cancel_many(request: HttpRequest) -> HttpResponse:
    """Cancel those of the ticked messages (`message`, repeated) that still wait in the outbox."""
    ids = identifiers(request)
    if ids:
        done = outbox_actions.act(request, ACTIONS["cancel"], ids)
        told = outbox_actions.told(ACTIONS["cancel"], done, len(ids))
        (messages.success if done else messages.warning)(request, told)
    else:
        messages.warning(request, _("Nothing was changed: tick the messages first."))
    return HttpResponseRedirect(page_before(request))


class _NotAgain(Exception):
    """The message cannot be sent again; the text is a sentence for the user."""


def _whom(request: HttpRequest, delivery: Delivery) -> list[Address] | None:
    """Return who gets the copy, None for everybody. Raises AddressError and _NotAgain."""
    whom = request.POST.get("whom", ALL)
    if whom == OTHERS:
        typed = request.POST.get("to", "").strip()
        if not typed:
            raise _NotAgain(_("Type who is to get it."))
        return parse_list([typed], local_names=True)
    if whom == MISSED:
        return _those_who_missed(delivery)
    return None


def _those_who_missed(delivery: Delivery) -> list[Address]:
    found = [parse(address, local_names=True) for address in sending.missed(delivery)]
    if not found:
        raise _NotAgain(_("Everybody got it."))
    return found


def _send_again(
    request: HttpRequest, delivery: Delivery, to: Sequence[Address] | None, *, queued: bool | None = None
) -> uuid.UUID | None:
    """Send `delivery` again, with its audit entry, and return the id of the copy. Raises _NotAgain, MailError."""
    if OutboxEntry.objects.filter(pk=delivery.pk).exists():
        raise _NotAgain(_("It still waits in the outbox."))
    by_worker = _worker_sends() if queued is None else queued
    new = sending.resend(delivery, to=to, asked_by=request.user.pk, queued=by_worker)
    audit.record(request, "sent again", delivery, detail=_told(to, new))
    return new


def _told(to: Sequence[Address] | None, new: uuid.UUID | None) -> Promise:
    """Return what the audit trail says of a copy for `to` (None: everybody), whose id is `new`."""
    whom = gettext_lazy("all its recipients")
    if to is not None:
        whom = format_lazy(ngettext_lazy("{number} recipient", "{number} recipients", len(to)), number=len(to))
    text = gettext_lazy("to {whom}; the new message is {id}") if new else gettext_lazy("to {whom}")
    return format_lazy(text, whom=whom, id=new)


def _send_each(request: HttpRequest, rows: Sequence[Delivery]) -> tuple[int, list[str]]:
    """Queue copies of `rows`; return how many were made, and why others were not."""
    done, problems = 0, []
    for delivery in rows:
        try:
            some = sending.missed(delivery)
            to = [parse(address, local_names=True) for address in some] if some else None
            _send_again(request, delivery, to, queued=True)
            done += 1
        except (AddressError, _NotAgain, MailError) as error:
            problems.append(_("“{name}”: {problem}").format(name=delivery, problem=error))
    return done, problems


def _tell_many(request: HttpRequest, done: int, problems: Sequence[str]) -> None:
    if done:
        text = ngettext("{number} message is queued again.", "{number} messages are queued again.", done)
        messages.success(request, text.format(number=done))
    if problems:
        text = _("{number} could not be sent again. {reasons}")
        if len(problems) > _SHOWN:
            text = _("{number} could not be sent again. {reasons} And {left} more.")
        reasons, left = " ".join(problems[:_SHOWN]), len(problems) - _SHOWN
        messages.error(request, text.format(number=len(problems), reasons=reasons, left=left))


def _worker_sends() -> bool:
    """Tell whether a worker is to send: this deployment queues its mail, or one runs. Else nobody would."""
    if conf.setting("DELIVERY") == "queued":
        return True
    since = server_now() - timedelta(seconds=limits.WORKER_LOST_SECONDS)
    return Worker.objects.filter(beat_at__gte=since).exists()
