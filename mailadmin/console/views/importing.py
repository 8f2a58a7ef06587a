"""Take over the mail server that Django's own settings name, with one click."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from mailadmin import conf
from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.sections import SMTP
from mailadmin.models import SmtpConnection
from mailadmin.settings_file import mailer

_TAKEN = gettext_lazy("Taken over from this project's settings.")


@require_POST
@needs("mailadmin.add_smtpconnection")
def take_over(request: HttpRequest) -> HttpResponse:
    """Make a connection of the server, and lead to its test."""
    try:
        row = _take_over(request)
    except mailer.NotTaken as error:
        messages.error(request, str(error))
        return _to(request, error.existing)
    except conf.ConfigurationError as error:
        messages.error(request, str(error))
        return _to(request, None)
    text = _("“{name}” is taken over from this project's settings. Now test it.")
    messages.success(request, text.format(name=row.name))
    return _to(request, row)


def _to(request: HttpRequest, row: SmtpConnection | None) -> HttpResponse:
    """Lead to the test of `row`; to the list where there is none, or where its form is not for this user."""
    if row is None or not request.user.has_perm(SMTP.permission("change")):
        return redirect(SMTP.address("list"))
    return redirect(f"{SMTP.address('edit', row)}#test")


@transaction.atomic
def _take_over(request: HttpRequest) -> SmtpConnection:
    row = mailer.take_over(mailer.first())
    changes = audit.diff(audit.snapshot(SmtpConnection()), audit.snapshot(row))
    audit.record(request, "created", row, changes, _TAKEN)
    return row
