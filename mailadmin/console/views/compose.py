"""Send a message by hand, to see the whole path at work; look at it first, if you like."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods

from mailadmin import conf
from mailadmin.console import audit, drafts, html_frame
from mailadmin.console.access import needs
from mailadmin.console.drafts import Draft, File
from mailadmin.console.forms.compose import ComposeForm, again
from mailadmin.console.previews import preview
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.delivery.compose import send_built
from mailadmin.delivery.options import QUEUED
from mailadmin.language import site_language
from mailadmin.models import Delivery
from mailadmin.testruns import words

PREVIEW, EDIT, TEST = "preview", "edit", "test"  # POST `action`; anything else sends


@require_http_methods(["GET", "POST"])
@needs("mailadmin.send_message")
def compose(request: HttpRequest) -> HttpResponse:
    """Show the form; or, by `action`, show what the message would be, go back to it, fill in a test, or send. What was
    sent leads to its page in the log; without one, the page says how it went."""
    if request.method != "POST":
        initial = {"to": getattr(request.user, "email", ""), "route": request.GET.get("route", "")}
        return _page(request, ComposeForm(initial=initial))
    kept, lost = _kept(request)
    action = request.POST.get("action", "")
    form = ComposeForm(request.POST, request.FILES, kept=kept)
    valid = form.is_valid()
    if action in (EDIT, TEST):
        form = again(request.POST, form.attached)
        if action == TEST:
            _fill_in(request, form)
        return _page(request, form)
    if lost:
        form.add_error("attachments", lost)
    if lost or not valid:
        return _page(request, form)
    return _preview(request, form) if action == PREVIEW else _send_and_lead(request, form)


@require_GET
@xframe_options_sameorigin
@needs("mailadmin.send_message")
def compose_html(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the HTML of the message that is being written, for the sandboxed frame of its preview."""
    draft = drafts.find(request, str(pk))
    if draft is None:
        raise Http404
    return html_frame.framed(draft.html)


def _kept(request: HttpRequest) -> tuple[tuple[File, ...], str]:
    """Return the files of an earlier page that are still wanted, and what to say where they are gone."""
    wanted = request.POST.getlist("keep")
    if not wanted:
        return (), ""
    draft = drafts.find(request, request.POST.get("draft", ""))
    if draft is None:
        return (), _("The files are not kept any more, which they are for a quarter of an hour: attach them again.")
    return tuple(one for number, one in enumerate(draft.files) if str(number) in wanted), ""


def _page(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    """Return the form. Files that came with it are kept: no browser sends a file a second time by itself."""
    files = form.attached if form.is_bound else form.kept
    draft = ""
    if files:
        try:
            draft = drafts.keep(request, Draft(files=files))
        except conf.ConfigurationError:
            files = ()
    return render(request, "mailadmin/compose/compose.html", {"form": form, "files": files, "draft": draft})


def _fill_in(request: HttpRequest, form: ComposeForm) -> None:
    """Put the words of a test into the form, where nothing is typed yet."""
    chosen, who = form.routes.get(form.initial.get("route", "")), request.user.get_username()
    now = timezone.now()
    told = words.by_hand(chosen, who, now) if chosen else words.in_order(list(form.routes.values()), who, now)
    for name, text in (("subject", told.subject), ("text", told.text)):
        form.initial[name] = form.initial.get(name) or text


def _preview(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    """Show what the message would be. Nothing is sent, and nothing written but the draft."""
    label, queued = form.cleaned_data["label"], bool(form.cleaned_data["send_at"])
    queued = queued or (form.cleaned_data["delivery"] or conf.delivery()) == QUEUED
    try:
        found = preview(form.message(), form.key, label, queued=queued)
        draft = drafts.keep(request, Draft(form.cleaned_data["html"], form.attached))
    except BadMessage as error:
        form.add_error(None, error.fault.text or error.summary)
        return _page(request, form)
    except (MailError, conf.ConfigurationError) as error:
        messages.error(request, _("The message cannot be shown. {why}").format(why=error))
        return _page(request, form)
    context = {"form": form, "found": found, "draft": draft, "queued": queued}
    return render(request, "mailadmin/compose/preview.html", context)


def _send_and_lead(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    result = _send(request, form)
    if not (result.delivery_id or result.sent):
        return _page(request, form)
    drafts.forget(request)
    if result.delivery_id:
        return redirect("mailadmin:log", pk=result.delivery_id)
    return redirect("mailadmin:compose")  # a reload sends nothing again


def _send(request: HttpRequest, form: ComposeForm) -> SendResult:
    """Send and return the result; where no row in the log tells the outcome, a message on the page does."""
    message = form.message()
    problem = ""
    try:
        send_built(message, asked_by=request.user.pk, is_test=True)
    except (MailError, conf.ConfigurationError) as error:
        problem = _("The message was not sent. {why}").format(why=error)
    outcome: SendResult = getattr(message, "mailadmin", SendResult(state=DeliveryState.FAILED))
    delivery = Delivery.objects.filter(pk=outcome.delivery_id).first() if outcome.delivery_id else None
    action = "queued" if outcome.state is DeliveryState.QUEUED else "sent"
    with site_language():
        detail = _("by hand, to {number}: {outcome}").format(
            number=len(message.recipients()), outcome=outcome.state.label
        )
    audit.record(request, action, delivery, detail=detail)
    if not delivery:  # else the page of the message tells all of it
        if outcome.sent:
            tell = messages.warning if outcome.state is DeliveryState.PARTLY else messages.success
            tell(request, _told(outcome))
        elif problem:
            messages.error(request, problem)
    return outcome


def _told(result: SendResult) -> str:
    """Return how a message went that has no row in the log."""
    refused = [
        f"{address}: {one.reason or one.state.label}"
        for address, one in result.recipients.items()
        if one.state is not RecipientState.SENT
    ]
    said = _("{state}, by “{route}”.").format(state=result.state.label, route=result.route)
    return " ".join([said, *refused])
