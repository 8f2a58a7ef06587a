"""Send a message by hand, to see the whole path at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_http_methods

from mailadmin import conf
from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.core import addresses, limits, validation
from mailadmin.core.errors import MailError
from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.core.settings import Route, RouteKey
from mailadmin.delivery import routes
from mailadmin.delivery.compose import default_recipients
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery

# What a browser calls a file, when it is a single part (RFC 6838 section 4.2).
_RESTRICTED_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_MIME_TYPE = re.compile(rf"(?!multipart/){_RESTRICTED_NAME}/{_RESTRICTED_NAME}", re.IGNORECASE)


class AddressesField(forms.CharField):
    """Addresses, comma-separated, each with or without a display name; cleaned to a list of texts."""

    def to_python(self, value: Any) -> Any:
        """Return the addresses. Raises ValidationError for the first bad one."""
        try:
            return list(validation.address_list(super().to_python(value) or ""))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class ComposeForm(forms.Form):
    """What a person types to send one message."""

    sender = forms.CharField(
        label="From",
        required=False,
        max_length=320,
        help_text="Leave it empty for the address of the route. The route's sender policy applies.",
    )
    to = AddressesField(
        label="To",
        required=False,
        help_text="Several addresses are separated by commas. Leave it empty for the route's default recipients.",
    )
    cc = AddressesField(label="Cc", required=False)
    bcc = AddressesField(label="Bcc", required=False, help_text="Seen by nobody else who gets the message.")
    subject = forms.CharField(label="Subject", required=False, max_length=limits.SUBJECT_CHARS)
    text = forms.CharField(label="Text", required=False, widget=forms.Textarea(attrs={"rows": 8}))
    html = forms.CharField(
        label="HTML",
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="With a text as well, the recipient's program chooses between the two.",
    )
    attachment = forms.FileField(
        label="Attachment",
        required=False,
        help_text=f"At most {limits.ATTACHMENT_BYTES // (1024 * 1024)} MB.",
    )
    route = forms.ChoiceField(
        label="Route", required=False, help_text="One route alone shows whether it works; the default order falls back."
    )
    label = forms.CharField(
        label="Endpoint label", required=False, max_length=80, help_text="Shown in the log, to tell traffic apart."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.routes = {str(route.key): route for route in routes.current().routes}
        choices = [("", "Default order"), *((key, f"Only {route.name}") for key, route in self.routes.items())]
        self.fields["route"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["sender"].widget.attrs["list"] = "senders"

    @property
    def senders(self) -> list[str]:
        """Return the addresses that the routes send from, to choose as From."""
        return list(dict.fromkeys(_senders(self.routes.values())))

    @property
    def key(self) -> RouteKey | None:
        """Return the chosen route, None for the default order."""
        chosen = self.routes.get(self.cleaned_data["route"])
        return chosen.key if chosen else None

    def clean_sender(self) -> str:
        """Refuse a From that is not one address."""
        text: str = self.cleaned_data["sender"]
        try:
            return str(addresses.format_address((found := addresses.parse(text)).name, found.spec)) if text else ""
        except addresses.AddressError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_subject(self) -> str:
        """Refuse a line break, which would make another header."""
        try:
            return validation.one_line(self.cleaned_data["subject"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_attachment(self) -> Any:
        """Refuse a file that is too big."""
        file = self.cleaned_data["attachment"]
        if file and file.size > limits.ATTACHMENT_BYTES:
            raise forms.ValidationError(
                f"“{file.name}” has {filesizeformat(file.size)}; at most {filesizeformat(limits.ATTACHMENT_BYTES)} "
                "can be attached here."
            )
        return file

    def clean(self) -> dict[str, Any]:
        """Fill in the default recipients; refuse a message for nobody or without content."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(cleaned[field] for field in ("to", "cc", "bcc")):
            cleaned["to"] = list(default_recipients(self.key))
            if not cleaned["to"]:
                self.add_error("to", "Type at least one recipient; the route has no default recipients.")
        if not any(cleaned.get(field) for field in ("text", "html", "attachment")):
            self.add_error("text", "The message is empty: type a text or HTML, or attach a file.")
        return cleaned

    def message(self) -> EmailMultiAlternatives:
        """Return what was typed as a Django message."""
        typed = self.cleaned_data
        message = EmailMultiAlternatives(
            typed["subject"], typed["text"], typed["sender"] or None, typed["to"], cc=typed["cc"], bcc=typed["bcc"]
        )
        if typed["html"] and typed["text"]:
            message.attach_alternative(typed["html"], "text/html")
        elif typed["html"]:
            message.body, message.content_subtype = typed["html"], "html"
        if file := typed["attachment"]:
            kind = file.content_type if _MIME_TYPE.fullmatch(file.content_type or "") else None  # None: by its name
            message.attach(file.name, file.read(), kind)
        return message


@require_http_methods(["GET", "POST"])
@needs("mailadmin.send_message")
def compose(request: HttpRequest) -> HttpResponse:
    """Show the form, or send what was typed and lead to its page in the log; without one, say how it went."""
    form = ComposeForm(request.POST or None, request.FILES or None, initial={"to": getattr(request.user, "email", "")})
    if form.is_valid():
        result = _send(request, form)
        if result.delivery_id:
            return redirect("mailadmin:log", pk=result.delivery_id)
        if result.sent:
            return redirect("mailadmin:compose")  # a reload sends nothing again
    return render(request, "mailadmin/compose/compose.html", {"form": form})


def _send(request: HttpRequest, form: ComposeForm) -> SendResult:
    """Send and return the result; where no row in the log tells the outcome, a message on the page does."""
    message = form.message()
    options = SendOptions(label=form.cleaned_data["label"], route=form.key, asked_by=request.user.pk, is_test=True)
    problem = ""
    try:
        send_message(message, options)
    except (MailError, conf.ConfigurationError) as error:
        problem = f"The message was not sent. {error}"
    outcome: SendResult = getattr(message, "mailadmin", SendResult(state=DeliveryState.FAILED))
    delivery = Delivery.objects.filter(pk=outcome.delivery_id).first() if outcome.delivery_id else None
    audit.record(request, "sent", delivery, detail=f"by hand, to {len(message.recipients())}: {outcome.state.label}")
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
    return " ".join([f"{result.state.label}, by “{result.route}”.", *refused])


def _senders(found: Any) -> Iterator[str]:
    route: Route
    for route in found:
        if route.sender.address:
            yield addresses.format_address(route.sender.name, route.sender.address)
        yield from (address for address in route.sender.send_as if "@" in address)
