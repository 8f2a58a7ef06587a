"""The form of an OAuth service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.console.credential_state import warnings_of
from mailadmin.core import limits
from mailadmin.core.settings import OAuthRoute, RouteKey, RouteKind
from mailadmin.models import IntegratedService, OAuthService

from .base import ON_UNSURE, ConsoleForm, Sections, out_of_range, textarea

WHY_SERVICE_ACCOUNT = _(
    "Only service accounts (client credentials) can be chosen: mail leaves from background jobs, where no user is "
    "signed in whose consent could be asked for."
)


class OAuthServiceForm(ConsoleForm):
    """A mailbox that sends through Office 365."""

    kind = RouteKind.OAUTH
    # What a link to the empty form may fill in ("make the Graph twin").
    from_query = ("name", "service_identity", "label", "subject_prefix")
    front: ClassVar[Sections] = (
        (_("Service"), ("name", "client_type", "integrated_service", "service_identity")),
        (_("Use"), ("enabled",)),
    )
    advanced: ClassVar[Sections] = (
        (_("Further mailboxes and pace"), ("mailboxes", "messages_per_minute")),
        (_("Sender"), ("send_as",)),
        (_("Large messages"), ("large_messages",)),
        (_("Sent items and unclear answers"), ("save_to_sent", "settle", "on_unsure")),
        (_("Token"), ("scopes",)),
        (_("Message"), ("subject_prefix", "label", "default_recipients")),
    )
    nested = True
    usual: ClassVar[dict[str, Any]] = {
        "messages_per_minute": limits.GRAPH_MESSAGES_PER_MINUTE,
        "on_unsure": OAuthService.UnsureChoice.RESEND,
    }

    class Meta:
        model = OAuthService
        fields = (
            "name",
            "client_type",
            "integrated_service",
            "service_identity",
            "enabled",
            "mailboxes",
            "messages_per_minute",
            "send_as",
            "large_messages",
            "save_to_sent",
            "settle",
            "on_unsure",
            "scopes",
            "subject_prefix",
            "label",
            "default_recipients",
        )
        widgets = {
            "service_identity": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
            "mailboxes": textarea(),
            "messages_per_minute": forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
            "send_as": textarea(),
            "default_recipients": textarea(),
        }
        labels = {
            "name": _("Name"),
            "client_type": _("Client type"),
            "integrated_service": _("Integrated service"),
            "service_identity": _("Service identity"),
            "enabled": _("Use this service for sending"),
            "mailboxes": _("Further mailboxes"),
            "messages_per_minute": _("Messages a minute, for each mailbox"),
            "large_messages": _("Send large messages by upload"),
            "save_to_sent": _("Save to sent items"),
            "settle": _("Look into the mailbox after an unclear answer"),
            "on_unsure": _("A queued message, after an unclear answer"),
            "scopes": _("Scopes"),
            "send_as": _("Send-As addresses"),
            "subject_prefix": _("Subject prefix"),
            "default_recipients": _("Default recipients"),
        }
        help_texts = {
            "name": _("What you call it here and in the log."),
            "integrated_service": WHY_SERVICE_ACCOUNT,
            "service_identity": _("The mailbox that sends, as its full address."),
            "scopes": _("Empty for everything the app was granted: “.default” of the cloud's Graph."),
            "mailboxes": _(
                "They share the load with the service identity: a message whose From is one of them is sent "
                "by that mailbox, all others by each in turn, with the original From in Reply-To. One on each line."
            ),
            "messages_per_minute": format_lazy(
                _(
                    "Usually {number}, because Exchange Online delays what a mailbox sends beyond that; 0 for no "
                    "limit. Empty for the usual one."
                ),
                number=limits.GRAPH_MESSAGES_PER_MINUTE,
            ),
            "send_as": _(
                "Addresses or domains that Exchange lets this mailbox send as; any other From becomes the service "
                "identity, with the original in Reply-To. Each needs the right, in Exchange Online PowerShell: "
                "Add-RecipientPermission <address> -AccessRights SendAs -Trustee <service identity>"
            ),
            "large_messages": _(
                "One request to Graph carries about 3 MB. Above, a draft is written into the mailbox, its "
                "attachments are uploaded (up to 150 MB, as far as the mailbox allows), and then it is sent. The app "
                "needs the application permission Mail.ReadWrite; without this, larger messages go by SMTP or fail."
            ),
            "save_to_sent": _(
                "Without it Graph is asked to keep no copy. That works only for messages that lose nothing as JSON, "
                "such as one with a single body; all others travel as MIME, which Graph always saves, and the log "
                "says so."
            ),
            "settle": _(
                "When an answer leaves open whether Graph took a message, it is looked for by its Message-ID "
                "before it counts as “maybe delivered”. The app needs the application permission Mail.Read."
            ),
            "on_unsure": ON_UNSURE,
            "subject_prefix": _("Put in front of every subject, with a blank between, such as “[Staging]”."),
            "label": _("Goes with every message into the log, to tell traffic apart."),
            "default_recipients": _("For messages that name none; those of a message come first. Separated by commas."),
        }
        error_messages = {
            "name": {"required": _("Give it a name."), "unique": _("Another OAuth service has this name.")},
            "service_identity": {"required": _("Type the mailbox that sends, as its full address.")},
            "integrated_service": {
                "required": _("Choose the integrated service that gives the token."),
                "invalid_choice": format_lazy(
                    "{} {}", _("Choose one of the integrated services in the list."), WHY_SERVICE_ACCOUNT
                ),
            },
            "messages_per_minute": out_of_range(
                format_lazy(
                    _("Type a whole number from 0 to {most}; 0 is no limit."), most=limits.MAX_GRAPH_MESSAGES_PER_MINUTE
                )
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["integrated_service"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 -- tells the type checker what Django made
        usable = IntegratedService.AccountKind.SERVICE_ACCOUNT
        left_out = IntegratedService.objects.exclude(account_kind=usable).values_list("name", flat=True)
        choice.empty_label = gettext("Choose …")
        if left_out:
            text = gettext("{why} Not offered for that reason: {names}.")
            choice.help_text = text.format(why=WHY_SERVICE_ACCOUNT, names=", ".join(left_out))

    def clean_integrated_service(self) -> IntegratedService:
        """Return the chosen service. The model refuses one that is no service account, with the reason."""
        chosen: IntegratedService = self.cleaned_data["integrated_service"]
        return chosen

    def warnings(self) -> list[str]:
        """Return what was saved but will not work, because its integrated service does not."""
        service = self.instance.integrated_service
        text = gettext("“{name}”: {problem}")
        return [text.format(name=service.name, problem=sentence) for sentence in warnings_of(service)]

    def to_route(self) -> OAuthRoute:
        """Return the frozen value of what was typed. Only after `is_valid()`; saves nothing."""
        route: OAuthRoute = self.instance.to_route()
        return replace(route, key=RouteKey(self.kind, "")) if self.instance._state.adding else route
