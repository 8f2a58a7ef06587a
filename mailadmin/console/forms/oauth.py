"""The form of an OAuth service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms

from mailadmin.core.settings import OAuthRoute, RouteKey, RouteKind
from mailadmin.models import IntegratedService, OAuthService

from .base import ConsoleForm, Sections, textarea

WHY_SERVICE_ACCOUNT = (
    "Only service accounts (client credentials) can be chosen: mail leaves from background jobs, where no user is "
    "signed in whose consent could be asked for."
)


class OAuthServiceForm(ConsoleForm):
    """A mailbox that sends through Office 365."""

    kind = RouteKind.OAUTH
    front: ClassVar[Sections] = (
        ("Service", ("name", "client_type", "integrated_service", "service_identity")),
        ("Use", ("enabled",)),
    )
    advanced: ClassVar[Sections] = (
        ("Token", ("scopes",)),
        ("Sender", ("send_as",)),
        ("Message", ("subject_prefix", "label", "default_recipients")),
    )

    class Meta:
        model = OAuthService
        fields = (
            "name",
            "client_type",
            "integrated_service",
            "service_identity",
            "enabled",
            "scopes",
            "send_as",
            "subject_prefix",
            "label",
            "default_recipients",
        )
        widgets = {
            "service_identity": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
            "send_as": textarea(),
            "default_recipients": textarea(),
        }
        labels = {
            "name": "Name",
            "client_type": "Client type",
            "integrated_service": "Integrated service",
            "service_identity": "Service identity",
            "enabled": "Use this service for sending",
            "scopes": "Scopes",
            "send_as": "Send-As addresses",
            "subject_prefix": "Subject prefix",
            "default_recipients": "Default recipients",
        }
        help_texts = {
            "name": "What you call it here and in the log.",
            "integrated_service": WHY_SERVICE_ACCOUNT,
            "service_identity": "The mailbox that sends, as its full address.",
            "scopes": "Empty for everything the app was granted: “.default” of the cloud's Graph.",
            "send_as": "Addresses or domains that Exchange lets this mailbox send as; any other From becomes the "
            "service identity, with the original in Reply-To.",
            "subject_prefix": "Put in front of every subject, with a blank between, such as “[Staging]”.",
            "label": "Goes with every message into the log, to tell traffic apart.",
            "default_recipients": "For messages that name none; those of a message come first. Separated by commas.",
        }
        error_messages = {
            "name": {"required": "Give it a name.", "unique": "Another OAuth service has this name."},
            "service_identity": {"required": "Type the mailbox that sends, as its full address."},
            "integrated_service": {
                "required": "Choose the integrated service that gives the token.",
                "invalid_choice": "Choose one of the integrated services in the list. " + WHY_SERVICE_ACCOUNT,
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["integrated_service"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 -- tells the type checker what Django made
        usable = IntegratedService.AccountKind.SERVICE_ACCOUNT
        left_out = IntegratedService.objects.exclude(account_kind=usable).values_list("name", flat=True)
        choice.empty_label = "Choose …"
        if left_out:
            choice.help_text = f"{WHY_SERVICE_ACCOUNT} Not offered for that reason: {', '.join(left_out)}."

    def clean_integrated_service(self) -> IntegratedService:
        """Return the chosen service. The model refuses one that is no service account, with the reason."""
        chosen: IntegratedService = self.cleaned_data["integrated_service"]
        return chosen

    def to_route(self) -> OAuthRoute:
        """Return the frozen value of what was typed. Only after `is_valid()`; saves nothing."""
        route: OAuthRoute = self.instance.to_route()
        return replace(route, key=RouteKey(self.kind, "")) if self.instance._state.adding else route
