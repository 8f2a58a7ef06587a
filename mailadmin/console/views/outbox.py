"""The outbox: what waits and why, what needs a decision, who works on it, and what is paused."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from mailadmin.console import audit, outbox_actions
from mailadmin.console import outbox as reading
from mailadmin.console.access import needs, page_before
from mailadmin.console.outbox_actions import ACTIONS
from mailadmin.console.overview import delivery_order
from mailadmin.console.route_rows import summaries
from mailadmin.console.sections import ROUTES
from mailadmin.core import limits
from mailadmin.core.redact import clean
from mailadmin.delivery import health
from mailadmin.delivery.outbox import waiting
from mailadmin.delivery.preferences import preferences
from mailadmin.models import OAuthService, Settings, SmtpConnection
from mailadmin.models.fields import labelled
from mailadmin.watch import outbox as glance
from mailadmin.watch.waiting import Why


class FilterForm(forms.Form):
    """The filters of the outbox; they stand in the address."""

    why = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[("", gettext_lazy("Any")), *labelled(Why)],
    )
    label = forms.CharField(
        label=gettext_lazy("Label"),
        required=False,
        max_length=80,
        widget=forms.TextInput({"list": "labels", "autocomplete": "off"}),
    )
    route = forms.ChoiceField(label=gettext_lazy("Route"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = (*OAuthService.objects.all(), *SmtpConnection.objects.all())
        choices = [("", _("Any")), *((str(row.key), row.name) for row in rows)]
        self.fields["route"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField


@require_GET
@needs("mailadmin.view_delivery")
def outbox(request: HttpRequest) -> HttpResponse:
    """Show the outbox. The number of statements does not grow with what waits in it."""
    form = FilterForm(request.GET)
    chosen = preferences(Settings.load())
    found = glance.overview(chosen)
    valid = form.is_valid()
    lines, following = reading.page(form.cleaned_data, _cursor(request), found.around) if valid else ([], None)
    tone, sentence = glance.verdict(found)
    return render(
        request,
        "mailadmin/outbox/outbox.html",
        {
            "found": found,
            "tone": tone,
            "verdict": sentence,
            "decisions": reading.undecided(found.around, limits.LATEST_ROWS) if found.undecided else [],
            "form": form,
            "filtered": valid and any(form.cleaned_data.values()),
            "lines": lines,
            "following": following,
            "continued": "after" in request.GET,
            "buttons": _buttons(form.cleaned_data.get("why", "") if valid else ""),
            "labels": reading.labels(),
            "paused_labels": chosen.paused_labels,
            "routes": delivery_order([*summaries(OAuthService), *summaries(SmtpConnection)]),
            "most": limits.OUTBOX_SWEPT,
        },
    )


@require_GET
@needs("mailadmin.view_delivery")
def now(request: HttpRequest) -> HttpResponse:
    """Return the part of the page that changes by itself: the verdict and the numbers."""
    found = glance.overview(preferences(Settings.load()))
    tone, sentence = glance.verdict(found)
    return render(request, "mailadmin/outbox/now.html", {"found": found, "tone": tone, "verdict": sentence})


@require_POST
@needs("mailadmin.manage_outbox")
def act(request: HttpRequest) -> HttpResponse:
    """Do something to the ticked messages (`message`, repeated), or to all that fit the filters (`scope=all`)."""
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        messages.error(request, _("Choose what to do with the messages."))
    elif request.POST.get("scope") == "all":
        _act_on_all(request, action)
    elif ids := identifiers(request):
        done = outbox_actions.act(request, action, ids)
        (messages.success if done else messages.warning)(request, outbox_actions.told(action, done, len(ids)))
    else:
        messages.warning(request, _("Nothing was changed: tick the messages first."))
    return HttpResponseRedirect(page_before(request))


@require_POST
@needs("mailadmin.manage_outbox")
def label(request: HttpRequest) -> HttpResponse:
    """Pause the messages with a label, or let them go on."""
    name = clean(request.POST.get("label", ""), limit=80)  # as messages have it
    paused = request.POST.get("paused") == "on"
    if not name:
        messages.warning(request, _("Nothing was paused: type or choose a label."))
        return HttpResponseRedirect(page_before(request))
    count = waiting.pause_label(name) if paused else waiting.resume_label(name)
    detail = format_lazy(gettext_lazy("the label “{name}”"), name=name)
    audit.record(request, "paused" if paused else "resumed", Settings.load(), detail=detail)
    if paused:
        text = ngettext(
            "The label “{name}” is paused: {number} message waits, and so does what comes.",
            "The label “{name}” is paused: {number} messages wait, and so does what comes.",
            count,
        )
    else:
        text = ngettext(
            "The label “{name}” goes on: {number} message released.",
            "The label “{name}” goes on: {number} messages released.",
            count,
        )
    messages.success(request, text.format(name=name, number=number_format(count, force_grouping=True)))
    return HttpResponseRedirect(page_before(request))


@require_POST
@needs("mailadmin.manage_outbox")
def route_pause(request: HttpRequest, kind: str, pk: uuid.UUID) -> HttpResponse:
    """Pause a route (`paused=on`), or let it go on: nothing is sent by a paused one, by whomever it was chosen."""
    if kind not in ROUTES:
        raise Http404
    route = get_object_or_404(ROUTES[kind].model, pk=pk)
    if request.POST.get("paused") == "on":
        health.pause(route.key, by=request.user.get_username())
        audit.record(request, "paused", route)
        text = _("“{name}” is paused: no message goes by it until it is resumed.")
        messages.success(request, text.format(name=route.name))
    else:
        health.unpause(route.key)
        audit.record(request, "resumed", route)
        messages.success(request, _("“{name}” is used again.").format(name=route.name))
    return HttpResponseRedirect(page_before(request))


def identifiers(request: HttpRequest) -> list[uuid.UUID]:
    """Return the chosen messages of a form (`message`, repeated), each once and at most limits.OUTBOX_ROWS; what is no
    UUID was not made by our pages."""
    found: dict[uuid.UUID, None] = {}
    for text in request.POST.getlist("message"):
        try:
            found[uuid.UUID(text)] = None
        except ValueError:
            continue
    return list(found)[: limits.OUTBOX_ROWS]


def _act_on_all(request: HttpRequest, action: outbox_actions.Action) -> None:
    form = FilterForm(request.POST)
    if request.POST.get("sure") != "on":
        messages.warning(request, _("Nothing was changed: tick that you mean all of them."))
    elif form.is_valid():
        done, more = outbox_actions.act_on_all(request, action, form.cleaned_data)
        said = outbox_actions.told(action, done, done)
        if more:
            said = _("{said} More are left: press again.").format(said=said)
        (messages.success if done else messages.warning)(request, said)
    else:
        messages.error(request, _("Nothing was changed: the filters cannot be read."))


def _buttons(reason: str) -> list[tuple[str, str]]:
    """Return which actions the table offers for what it shows: (name, word)."""
    if reason == Why.UNSURE:
        return [("release", _("Send again")), ("arrived", _("They arrived")), ("lost", _("They did not arrive"))]
    if reason == Why.CRASHED:
        return [("release", _("Release")), ("cancel", _("Cancel"))]
    if reason == Why.PAUSED:
        return [("cancel", _("Cancel"))]
    return [("send-now", _("Send now")), ("cancel", _("Cancel"))]


def _cursor(request: HttpRequest) -> uuid.UUID | None:
    """Return after which message the page begins; a bad one is the first page."""
    try:
        return uuid.UUID(request.GET.get("after", ""))
    except ValueError:
        return None
