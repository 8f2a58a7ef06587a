"""The form of a message that is sent by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.mail import EmailMultiAlternatives
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from mailadmin import conf
from mailadmin.core import addresses, limits, validation
from mailadmin.core.outcome import Priority
from mailadmin.core.settings import Route, RouteKey
from mailadmin.delivery import routes
from mailadmin.delivery.compose import default_recipients
from mailadmin.delivery.options import DIRECT, QUEUED, SendOptions

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


class MomentField(forms.DateTimeField):
    """A moment in the time zone of the page; need not be given."""

    default_error_messages = {"invalid": "Type day and time, such as 2026-11-21 18:30."}

    def __init__(self, label: str, help_text: str) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)


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

    delivery = forms.ChoiceField(label="Delivery", required=False)
    priority = forms.ChoiceField(
        label="Priority",
        required=False,
        choices=[(int(one), one.label) for one in (Priority.NORMAL, Priority.URGENT, Priority.NON_URGENT)],
        help_text="Of messages that are due, urgent ones leave first; an urgent one takes another route at once.",
    )
    send_at = MomentField("Send at", "Not before; it waits in the outbox.")
    expires_at = MomentField("Expires", "Not after: what is worthless tomorrow should not be sent then.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.routes = {str(route.key): route for route in routes.current().routes}
        choices = [("", "Default order"), *((key, f"Only {route.name}") for key, route in self.routes.items())]
        self.fields["route"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["sender"].widget.attrs["list"] = "senders"
        usual = "queued: a worker sends it" if conf.setting("DELIVERY") == QUEUED else "direct: this page waits for it"
        ways = [("", f"As usual ({usual})"), (DIRECT, "Direct"), (QUEUED, "Queued")]
        self.fields["delivery"].choices = ways  # type: ignore[attr-defined]  # a ChoiceField

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

    def clean_send_at(self) -> Any:
        """Refuse a time that is over."""
        at = self.cleaned_data["send_at"]
        if at and at <= timezone.now():
            raise forms.ValidationError("This time is over; leave it empty to send now.")
        return at

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
        self._check_times(cleaned)
        if not any(cleaned.get(field) for field in ("text", "html", "attachment")):
            self.add_error("text", "The message is empty: type a text or HTML, or attach a file.")
        return cleaned

    def options(self, user: Any) -> SendOptions:
        """Return how the message is to be sent, for the user with the primary key `user`. A time to send at is for the
        outbox, whatever is usual."""
        typed = self.cleaned_data
        waits = bool(typed["send_at"])
        return SendOptions(
            label=typed["label"],
            route=self.key,
            asked_by=user,
            is_test=True,
            delivery=QUEUED if waits else typed["delivery"],
            priority=Priority(int(typed["priority"] or Priority.NORMAL)),
            send_at=typed["send_at"],
            expires_at=typed["expires_at"],
        )

    def _check_times(self, typed: dict[str, Any]) -> None:
        if typed.get("send_at") and typed.get("delivery") == DIRECT:
            self.add_error(
                "delivery", "A message that is sent directly leaves at once: take the time away, or queue it."
            )
        ends = typed.get("expires_at")
        if ends and ends <= (typed.get("send_at") or timezone.now()):
            self.add_error("expires_at", "It would expire before it could be sent.")

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


def _senders(found: Any) -> Iterator[str]:
    route: Route
    for route in found:
        if route.sender.address:
            yield addresses.format_address(route.sender.name, route.sender.address)
        yield from (address for address in route.sender.send_as if "@" in address)
