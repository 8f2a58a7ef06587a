"""The form of a message that is sent by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailadmin import conf
from mailadmin.console.drafts import File
from mailadmin.core import addresses, limits, validation
from mailadmin.core.body_formats import BodyFormat
from mailadmin.core.errors import BadMessage
from mailadmin.core.outcome import Priority
from mailadmin.core.settings import Route, RouteKey
from mailadmin.delivery import routes
from mailadmin.delivery.compose import default_recipients
from mailadmin.delivery.message import Message
from mailadmin.delivery.options import DIRECT, QUEUED

from .addresses import AddressesField, AddressField
from .base import textarea
from .files import FilesField, check_together
from .moment import MomentField

# How the parts of a message are called in its faults -> the field of the form.
_FIELDS = {"from_email": "sender", "from": "sender", "body": "text", "attachment": "attachments"}
_PRIORITIES = {Priority.NORMAL: "normal", Priority.URGENT: "urgent", Priority.NON_URGENT: "non-urgent"}
_FORMATS = {
    "": gettext_lazy("Plain text"),
    BodyFormat.FLOWED.value: gettext_lazy("Flowed text: the reader’s program fits the lines"),
    BodyFormat.ENRICHED.value: gettext_lazy("Enriched text (text/enriched)"),
}


class ComposeForm(forms.Form):
    """What a person types to send one message. `kept` are files that came with an earlier page."""

    use_required_attribute = False

    sender = AddressField(
        label=gettext_lazy("From"),
        required=False,
        max_length=320,
        help_text=gettext_lazy("Leave it empty for the address of the route. The route's sender policy applies."),
    )
    to = AddressesField(
        label=gettext_lazy("To"),
        required=False,
        help_text=gettext_lazy("Several addresses are separated by commas."),
    )
    cc = AddressesField(label=gettext_lazy("Cc"), required=False)
    bcc = AddressesField(
        label=gettext_lazy("Bcc"),
        required=False,
        help_text=gettext_lazy("Seen by nobody else who gets the message."),
    )
    reply_to = AddressesField(
        label=gettext_lazy("Reply-To"),
        required=False,
        help_text=gettext_lazy("Where answers go, in place of From."),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=limits.SUBJECT_CHARS)
    text = forms.CharField(label=gettext_lazy("Text"), required=False, strip=False, widget=forms.Textarea({"rows": 8}))
    html = forms.CharField(
        label=gettext_lazy("HTML"),
        required=False,
        widget=textarea(6),
        help_text=gettext_lazy("With a text as well, the recipient's program chooses between the two."),
    )
    text_from_html = forms.BooleanField(
        label=gettext_lazy("Make the text from the HTML"),
        required=False,
        help_text=gettext_lazy("Where no text is typed: for programs that show no HTML."),
    )
    body_format = forms.ChoiceField(
        label=gettext_lazy("Format of the text"), required=False, choices=list(_FORMATS.items())
    )
    attachments = FilesField(
        label=gettext_lazy("Attachments"),
        help_text=gettext_lazy("Several can be chosen at once."),
    )
    route = forms.ChoiceField(
        label=gettext_lazy("Route"),
        required=False,
        help_text=gettext_lazy("One route alone shows whether it works; the default order falls back."),
    )
    label = forms.CharField(
        label=gettext_lazy("Endpoint label"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("Shown in the log, to tell traffic apart."),
    )
    delivery = forms.ChoiceField(label=gettext_lazy("Delivery"), required=False)
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        required=False,
        choices=lambda: [(name, one.label) for one, name in _PRIORITIES.items()],
        help_text=gettext_lazy(
            "Shown by the recipient's program. In the outbox urgent ones leave first; an urgent one takes another "
            "route at once."
        ),
    )
    send_at = MomentField(gettext_lazy("Send at"), gettext_lazy("Not before; it waits in the outbox."))
    expires_at = MomentField(
        gettext_lazy("Expires"), gettext_lazy("Not after: what is worthless tomorrow should not be sent then.")
    )
    metadata = forms.CharField(
        label=gettext_lazy("Metadata"),
        required=False,
        widget=textarea(3),
        help_text=gettext_lazy("One “name=value” in each line, shown in the log. It is not sent."),
    )

    def __init__(self, *args: Any, kept: Sequence[File] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = tuple(kept)
        self.routes = {str(route.key): route for route in routes.current().routes}
        only = [(key, _("Only {name}").format(name=route.name)) for key, route in self.routes.items()]
        self._choose("route", [("", _("Default order")), *only])
        usual = _("queued: a worker sends it") if conf.setting("DELIVERY") == QUEUED else _("direct: this page waits")
        ways = [("", _("As usual ({usual})").format(usual=usual)), (DIRECT, _("Direct")), (QUEUED, _("Queued"))]
        self._choose("delivery", ways)
        self.fields["sender"].widget.attrs["list"] = "senders"
        if told := _defaults(self.routes.values()):
            self.fields["to"].help_text = f"{self.fields['to'].help_text} {told}"

    @property
    def senders(self) -> list[str]:
        """Return the addresses that the routes send from, to choose as From."""
        return list(dict.fromkeys(_senders(self.routes.values())))

    @property
    def chosen(self) -> Route | None:
        """Return the chosen route, None for the default order. Call it after `is_valid()`."""
        return self.routes.get(self.cleaned_data.get("route", ""))

    @property
    def key(self) -> RouteKey | None:
        """Return which route was chosen."""
        return self.chosen.key if self.chosen else None

    @property
    def attached(self) -> tuple[File, ...]:
        """Return what was kept and what was given now, as far as it can be used. Call it after `is_valid()`."""
        return (*self.kept, *self.cleaned_data.get("attachments", ()))

    def typed(self) -> list[tuple[str, str]]:
        """Return the fields as they were typed, so that a page can carry them along; files are none of them."""
        values = ((name, self[name].data) for name in self.fields if name != "attachments")
        return [(name, "on" if value is True else str(value)) for name, value in values if value]

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
            raise forms.ValidationError(_("This time is over; leave it empty to send now."))
        return at

    def clean_attachments(self) -> Any:
        """Refuse files that are too large together."""
        files = self.cleaned_data["attachments"]
        check_together([*self.kept, *files])
        return files

    def clean_metadata(self) -> dict[str, str]:
        """Return names and values. Raises ValidationError for a line that holds none."""
        found = {}
        for number, line in enumerate(self.cleaned_data["metadata"].splitlines(), 1):
            name, equals, value = (part.strip() for part in line.partition("="))
            if line.strip() and not (name and equals):
                raise forms.ValidationError(_("Line {number} is no “name=value”.").format(number=number))
            if name:
                found[name] = value
        return found

    def clean(self) -> dict[str, Any]:
        """Fill in the default recipients; refuse a message for nobody, without content, or that cannot be built."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(cleaned[field] for field in ("to", "cc", "bcc")):
            cleaned["to"] = list(default_recipients(self.key))
            if not cleaned["to"]:
                self.add_error("to", _("Type at least one recipient; the route has no default recipients."))
        self._check_times(cleaned)
        if "attachments" not in self.errors and not (cleaned.get("text") or cleaned.get("html") or self.attached):
            self.add_error("text", _("The message is empty: type a text or HTML, or attach a file."))
        if not self.errors:
            self._try_to_build()
        return cleaned

    def message(self) -> Message:
        """Return what was typed as a message. A time to send at is for the outbox, whatever is usual. Raises
        BadMessage."""
        typed = self.cleaned_data
        return Message(
            typed["subject"],
            typed["text"],
            typed["sender"] or None,
            typed["to"],
            cc=typed["cc"],
            bcc=typed["bcc"],
            reply_to=typed["reply_to"],
            html=typed["html"],
            body_format=typed["body_format"],
            text_from_html=typed["text_from_html"],
            attachments=[(one.name, one.content, one.kind or None) for one in self.attached],
            priority=typed["priority"],
            label=typed["label"],
            route=self.key or "",
            delivery=QUEUED if typed["send_at"] else typed["delivery"],
            send_at=typed["send_at"],
            expires_at=typed["expires_at"],
            metadata=typed["metadata"],
        )

    def _try_to_build(self) -> None:
        """Put what is wrong with the message, as a whole, to the field that is meant."""
        try:
            self.message()
        except BadMessage as error:
            part = error.fault.field.partition(".")[0]
            field = _FIELDS.get(part, part)
            self.add_error(field if field in self.fields else None, error.fault.text or error.summary)

    def _check_times(self, typed: dict[str, Any]) -> None:
        if typed.get("send_at") and typed.get("delivery") == DIRECT:
            self.add_error(
                "delivery", _("A message that is sent directly leaves at once: take the time away, or queue it.")
            )
        ends = typed.get("expires_at")
        if ends and ends <= (typed.get("send_at") or timezone.now()):
            self.add_error("expires_at", _("It would expire before it could be sent."))

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # a ChoiceField


def again(typed: MultiValueDict[str, str], kept: Sequence[File]) -> ComposeForm:
    """Return the form as it was typed, to go on, without a word about what is wrong."""
    return ComposeForm(initial={name: typed.get(name) for name in ComposeForm.base_fields if name in typed}, kept=kept)


def _defaults(found: Any) -> str:
    """Say where a message goes that names nobody, "" where no route has default recipients."""
    told = [f"{', '.join(route.default_recipients)} ({route.name})" for route in found if route.default_recipients]
    if not told:
        return ""
    return _("Leave it empty for the default recipients: {recipients}.").format(recipients="; ".join(told[:3]))


def _senders(found: Any) -> Iterator[str]:
    route: Route
    for route in found:
        if route.sender.address:
            yield addresses.format_address(route.sender.name, route.sender.address)
        yield from (address for address in route.sender.send_as if "@" in address)
