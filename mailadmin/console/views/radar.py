"""The page of connections that sign in to Microsoft with a password."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailadmin.console.access import needs
from mailadmin.core import microsoft
from mailadmin.watch.radar import blips


@require_GET
@needs("mailadmin.view_smtpconnection")
def radar(request: HttpRequest) -> HttpResponse:
    """Show each such connection with its way out, and what Microsoft announced."""
    found = blips()
    return render(
        request,
        "mailadmin/radar/radar.html",
        {
            "blips": found,
            "open": [blip for blip in found if blip.row.enabled and not blip.settled],
            "countdown": microsoft.countdown(timezone.localdate()),
            "announcements": microsoft.announcements(),
            "refusal": microsoft.REFUSAL,
            "source": microsoft.SOURCE,
            "may_add": request.user.has_perm("mailadmin.add_oauthservice"),
            "may_add_service": request.user.has_perm("mailadmin.add_integratedservice"),
        },
    )
