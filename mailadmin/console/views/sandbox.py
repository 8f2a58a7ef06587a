"""The sandbox: whether it runs, what arrived, which fault it rehearses, and its two routes with one click."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from mailadmin import conf
from mailadmin.console import arrived, audit, html_frame, sandbox_routes
from mailadmin.console.access import needs
from mailadmin.core import limits
from mailadmin.models import SandboxMessage, SandboxServer
from mailadmin.sandbox.behaviour import GRAPH_FAULTS, NO_FAULT, SMTP_FAULTS, GraphFault, SmtpFault

FAULTS: dict[str, Mapping[str, SmtpFault] | Mapping[str, GraphFault]] = {"smtp": SMTP_FAULTS, "graph": GRAPH_FAULTS}
DOORS = {"graph": gettext_lazy("Office 365 (Graph)"), "smtp": gettext_lazy("SMTP server")}


@require_GET
@needs("mailadmin.view_sandboxmessage")
def sandbox(request: HttpRequest) -> HttpResponse:
    """Show the state of the sandbox and its inbox."""
    server = SandboxServer.load()
    inbox = SandboxMessage.objects.defer("raw")
    page = Paginator(inbox, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "mailadmin/sandbox/sandbox.html",
        {
            "server": server,
            "allowed": conf.setting("SANDBOX"),
            "page": page,
            "doors": [_door(door, getattr(server, f"{door}_fault")) for door in DOORS],
        },
    )


def _door(door: str, chosen: str) -> dict[str, Any]:
    """Return what the page shows of a door: its faults by group, and what the chosen one does."""
    faults = FAULTS[door]
    groups: dict[str, list[tuple[str, SmtpFault | GraphFault]]] = {}
    for name, fault in faults.items():
        groups.setdefault(fault.group, []).append((name, fault))
    return {
        "name": door,
        "label": DOORS[door],
        "groups": groups.items(),
        "chosen": chosen,
        "fault": faults.get(chosen),
        "count": len(faults),
    }


@require_GET
@needs("mailadmin.view_sandboxmessage")
def message(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one message that arrived."""
    row = get_object_or_404(SandboxMessage, pk=pk)
    found = arrived.read(bytes(row.raw))
    return render(request, "mailadmin/sandbox/message.html", {"message": row, "arrived": found})


@require_GET
@xframe_options_sameorigin
@needs("mailadmin.view_sandboxmessage")
def message_html(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the HTML body of a message, locked into a policy of its own (for a sandboxed frame)."""
    found = arrived.read(bytes(get_object_or_404(SandboxMessage, pk=pk).raw))
    if not found.html:
        raise Http404
    return html_frame.framed(found.html)


@require_GET
@needs("mailadmin.view_sandboxmessage")
def message_raw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return a message byte for byte, as a download that no browser interprets."""
    row = get_object_or_404(SandboxMessage, pk=pk)
    headers = {
        "Content-Disposition": f'attachment; filename="message-{row.pk}.txt"',
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(bytes(row.raw), content_type="text/plain", headers=headers)


@require_POST
@needs("mailadmin.change_sandboxserver")
def fault(request: HttpRequest) -> HttpResponse:
    """Choose the fault that the sandbox rehearses from the next message on (POST `smtp` and `graph`)."""
    server = SandboxServer.load()
    for door, names in FAULTS.items():
        chosen = request.POST.get(door, NO_FAULT)
        if chosen != NO_FAULT and chosen not in names:
            messages.error(
                request, _("The sandbox knows no fault “{name}”; choose one from the list.").format(name=chosen[:40])
            )
            return redirect("mailadmin:sandbox")
        setattr(server, f"{door}_fault", chosen)
    # Only these two columns: the sandbox itself writes the others meanwhile.
    SandboxServer.objects.filter(pk=server.pk).update(smtp_fault=server.smtp_fault, graph_fault=server.graph_fault)
    chosen_faults = (FAULTS["smtp"].get(server.smtp_fault), FAULTS["graph"].get(server.graph_fault))
    detail = ", ".join(fault.label for fault in chosen_faults if fault) or _("no fault")
    audit.record(request, "changed", server, detail=detail)
    messages.success(request, _("From the next message on: {faults}.").format(faults=detail))
    return redirect("mailadmin:sandbox")


@require_POST
@needs("mailadmin.change_sandboxserver")
def empty(request: HttpRequest) -> HttpResponse:
    """Throw away what arrived."""
    count = SandboxMessage.objects.all().delete()[0]
    detail = format_lazy(gettext_lazy("{number} messages"), number=count)
    audit.record(request, "emptied", SandboxServer.load(), detail=detail)
    text = ngettext(
        "The inbox is empty; {number} message was removed.",
        "The inbox is empty; {number} messages were removed.",
        count,
    )
    messages.success(request, text.format(number=count))
    return redirect("mailadmin:sandbox")


@require_POST
@needs("mailadmin.add_integratedservice", "mailadmin.add_oauthservice", "mailadmin.add_smtpconnection")
def add(request: HttpRequest) -> HttpResponse:
    """Add the sandbox's OAuth service and SMTP connection, or correct their ports."""
    server = SandboxServer.load()
    if not conf.setting("SANDBOX"):
        messages.error(request, _('The sandbox is not allowed here: MAILADMIN["SANDBOX"] is off in the settings.'))
    elif not server.alive or not server.credentials:
        messages.error(request, _("The sandbox does not run. Start it with “python manage.py sandbox”, then add it."))
    else:
        try:
            added = sandbox_routes.add(request, server)
        except conf.ConfigurationError as error:
            messages.error(request, str(error))
        else:
            text = _("“{oauth}” and “{smtp}” were there already; nothing was changed.")
            if added.changed:
                text = _("“{oauth}” and “{smtp}” are ready. Test them now.")
            messages.success(request, text.format(oauth=added.oauth.name, smtp=added.smtp.name))
    return redirect("mailadmin:dashboard")
