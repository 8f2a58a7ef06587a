"""Confirming in the console that a copied or restored database belongs here."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

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
        messages.error(request, f"Nothing is confirmed: the generation file cannot be written ({error.strerror}).")
        return False
    count = f"{done.cancelled} message{'' if done.cancelled == 1 else 's'}"
    if done.busy:
        if done.cancelled:
            audit.record(request, "cancelled", detail=f"{count} of a database that is not confirmed yet")
        told = f"{count} were cancelled, and others are in the hands of a worker just now. Press once more in a minute."
        messages.warning(request, told)
        return False
    if not done.objection:
        messages.info(request, "There was nothing to confirm.")
        return True
    row = Settings.load()
    detail = f"{done.objection} {f'Cancelled {count}.' if cancel else 'What waited is sent.'}"
    audit.record(request, "confirmed", row, audit.diff(before, audit.snapshot(row)), detail)
    messages.success(request, f"Confirmed. Mail leaves again{f'; {count} cancelled' if cancel else ''}.")
    return True


def here() -> str:
    """Return what this place is called, for a sentence."""
    name = conf.environment()
    return f"“{name}”" if name else "this environment"
