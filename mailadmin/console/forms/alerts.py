"""The form of an alert channel: where alerts go, and which."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from mailadmin.core.alerts import CHOSEN, ChannelKind
from mailadmin.models import AlertChannel
from mailadmin.models.fields import labelled

from .base import Sections, textarea
from .secret import SecretField
from .webhook import WebhookForm

_PARTS = (_("the kind"), _("the kind"), _("the host of the webhook address"))


class AlertChannelForm(WebhookForm):
    """A channel of alerts. The address of a webhook and its signing secret are never shown again."""

    front: ClassVar[Sections] = (
        (_("Channel"), ("name", "kind", "recipients", "url", "signing")),
        (_("What is told"), ("events", "enabled")),
    )
    destination_parts = {"url": _PARTS, "signing": _PARTS}
    shown_when: ClassVar[dict[str, str]] = {
        "recipients": f"kind={ChannelKind.EMAIL}",
        "url": f"kind={ChannelKind.WEBHOOK},{ChannelKind.SLACK},{ChannelKind.TEAMS}",
        "signing": f"kind={ChannelKind.WEBHOOK},{ChannelKind.SLACK},{ChannelKind.TEAMS}",
    }

    url = SecretField(lines=True, help_text=_("The whole address. Whoever knows it may post there, so it is a secret."))
    signing = SecretField(
        help_text=_(
            "The receiver verifies by it that an alert is ours; “openssl rand -base64 32” makes a good one. "
            "Slack and Teams verify nothing: leave it empty there, unless a gateway of yours stands in between."
        )
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=labelled(CHOSEN),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event, or switch the channel off.")},
        help_text=_("The same thing is told again only after the quiet time, with how often it happened."),
    )

    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "recipients", "enabled")
        widgets = {"kind": forms.RadioSelect, "recipients": textarea(2)}
        labels = {"name": _("Name"), "kind": _("Kind"), "recipients": _("Send to"), "enabled": _("Enabled")}
        help_texts = {
            "name": _("For people, such as “Operations”."),
            "recipients": _("Addresses, with commas between them. An alert leaves by any route but the failing one."),
            "enabled": _("A channel that is off is told nothing."),
        }
        error_messages = {"name": {"required": _("Type a name."), "unique": _("Another channel has this name.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("events", self.instance.events or list(CHOSEN))

    def clean(self) -> dict[str, Any]:
        """Keep only what the chosen kind needs."""
        typed = self.data
        chosen = typed.getlist("events") if hasattr(typed, "getlist") else typed.get("events", [])
        values = super().clean()
        if self.data is not typed:  # a draft of single values is shown instead: somebody else saved meanwhile
            self.data = {**self.data, "events": chosen}
        if values.get("kind") == ChannelKind.EMAIL:
            self.instance.host = ""
            values |= {"url": "", "signing": ""}
        elif "recipients" not in self.errors:
            values["recipients"] = ""
        events = values.get("events", [])
        self.instance.events = [] if len(events) == len(CHOSEN) else events
        return values
