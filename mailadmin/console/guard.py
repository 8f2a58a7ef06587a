"""Confirming in the console that a copied or restored database belongs here."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from mailadmin import conf
from mailadmin.delivery import confirmation
from mailadmin.models import Settings

from . import audit


def confirm(request: HttpRequest, *, cancel: bool) -> bool:
    """Confirm, with what waits or after cancelling it, and say what came of it; tell whether mail may leave now."""
    before = audit.snapshot(Settings.load())
    try:
        done = confirmation.confirm(cancel=cancel)
    except OSError as error:
        text = _("Nothing is confirmed: the generation file cannot be written ({reason}).")
        messages.error(request, text.format(reason=error.strerror))
        return False
    number = done.cancelled
    if done.busy:
        if number:
            counted = ngettext_lazy(
                "{number} message of a database that is not confirmed yet",
                "{number} messages of a database that is not confirmed yet",
                number,
            )
            audit.record(request, "cancelled", detail=format_lazy(counted, number=number))
        text = ngettext(
            "{number} message were cancelled, and others are in the hands of a worker just now. Press once more in a "
            "minute.",
            "{number} messages were cancelled, and others are in the hands of a worker just now. Press once more in a "
            "minute.",
            number,
        )
        messages.warning(request, text.format(number=number))
        return False
    if not done.objection:
        messages.info(request, _("There was nothing to confirm."))
        return True
    row = Settings.load()
    detail = _told_of(done.objection, number if cancel else None)
    audit.record(request, "confirmed", row, audit.diff(before, audit.snapshot(row)), detail)
    text = _("Confirmed. Mail leaves again.")
    if cancel:
        text = ngettext(
            "Confirmed. Mail leaves again; {number} message cancelled.",
            "Confirmed. Mail leaves again; {number} messages cancelled.",
            number,
        )
    messages.success(request, text.format(number=number))
    return True


def _told_of(objection: str, cancelled: int | None) -> Promise:
    """Return what the audit trail says of a confirmation: what spoke against it, and what became of what waited."""
    if cancelled is None:
        return format_lazy(gettext_lazy("{objection} What waited is sent."), objection=objection)
    said = ngettext_lazy(
        "{objection} Cancelled {number} message.", "{objection} Cancelled {number} messages.", cancelled
    )
    return format_lazy(said, objection=objection, number=cancelled)


def here() -> str:
    """Return what this place is called, for a sentence."""
    name = conf.environment()
    return _("“{name}”").format(name=name) if name else _("this environment")
