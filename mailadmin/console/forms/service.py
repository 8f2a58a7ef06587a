"""The form of an integrated service, the app registration in Entra."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin.core import validation
from mailadmin.models import IntegratedService

from .base import Sections, certificates, textarea
from .proxy import PROXY_COLUMNS, PROXY_PARTS, PROXY_SECTION, ProxyForm
from .secret import SecretField, forget_field


class IntegratedServiceForm(ProxyForm):
    """An app registration: the page shows beside it where each value is found in Entra."""

    front: ClassVar[Sections] = (
        (
            "App registration",
            (
                "name",
                "cloud",
                "authority_host",
                "graph_host",
                "tenant",
                "client_id",
                "secret",
                "credential_ends_on",
                "forget_secret",
            ),
        ),
    )
    advanced: ClassVar[Sections] = (
        ("Hosts", ("mail_hosts", "ca_pem")),
        PROXY_SECTION,
        ("Account", ("account_kind",)),
    )
    destination_parts = {
        "secret": (
            "the kind",
            "the cloud",
            "the sign-in host",
            "the Graph host",
            "the mail hosts",
            "the CA certificate",
            "the tenant",
            "the client ID",
            *["the proxy"] * len(PROXY_PARTS),
        ),
        "proxy_password": PROXY_PARTS,
    }
    shown_when: ClassVar[dict[str, str]] = ProxyForm.shown_when | {
        "authority_host": "cloud=custom",
        "graph_host": "cloud=custom",
    }

    secret = SecretField()
    forget_secret = forget_field()

    class Meta:
        model = IntegratedService
        fields = (
            "name",
            "cloud",
            "authority_host",
            "graph_host",
            "tenant",
            "client_id",
            "credential_ends_on",
            "mail_hosts",
            "ca_pem",
            *PROXY_COLUMNS,
            "account_kind",
        )
        widgets = {
            "tenant": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "client_id": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "credential_ends_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            "mail_hosts": textarea(),
            "ca_pem": certificates(),
            "account_kind": forms.RadioSelect,
        }
        labels = {
            "name": "Name",
            "cloud": "Cloud",
            "authority_host": "Sign-in host",
            "graph_host": "Graph host",
            "tenant": "Tenant",
            "client_id": "Client ID",
            "credential_ends_on": "Client secret ends on",
            "mail_hosts": "Further mail hosts",
            "account_kind": "Account kind",
        }
        help_texts = {
            "name": "What you call it here.",
            "cloud": "Where your tenant lives; almost always Global.",
            "authority_host": "Gives the tokens, such as localhost:8443.",
            "graph_host": "Takes the mail; may be the same host.",
            "tenant": "The directory (tenant) ID, or a domain of the tenant.",
            "client_id": "The application (client) ID from the app's Overview page.",
            "credential_ends_on": "Needed with a new secret: Entra shows it there, and the console warns in time.",
            "mail_hosts": "Servers besides Microsoft's own that may get a token for SMTP; separated by spaces.",
            "ca_pem": "Only for hosts whose certificate was not issued by a public authority.",
            "account_kind": "OAuth services can only use a service account: mail leaves from background jobs with no "
            "user signed in.",
        }
        error_messages = {
            "name": {"required": "Give it a name.", "unique": "Another integrated service has this name."},
            "tenant": {"required": "Type the directory (tenant) ID or a domain of the tenant."},
            "client_id": {
                "required": "Type the application (client) ID.",
                "max_length": "An application (client) ID has 36 characters; copy it from the app's Overview page.",
            },
            "credential_ends_on": {"invalid": "Type the date as year-month-day, such as 2027-03-31."},
        }

    @sensitive_variables()
    def clean_secret(self) -> str:
        """Return what was typed, trimmed. Raises ValidationError for the secret's ID in place of its value."""
        try:
            return validation.client_secret(self.cleaned_data["secret"].strip())
        except ValueError as error:
            raise ValidationError(str(error)) from None

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Ask for the date on which a new secret ends. Raises nothing: errors go to their fields."""
        values = super().clean() or self.cleaned_data
        if values.get("secret") and not values.get("credential_ends_on") and "credential_ends_on" not in self.errors:
            self.add_error(
                "credential_ends_on",
                "Type the date on which the secret ends; mail stops on that day unless it is renewed.",
            )
        return values

    def needs(self, slot: str) -> bool:
        """Tell that an app whose stored secret would be lost by a change needs it again; one may be saved without,
        to be completed later."""
        return not self.cleaned_data.get("forget_secret") if slot == "secret" else super().needs(slot)

    def warnings(self) -> list[str]:
        """Return what was saved but will not work."""
        ends = self.instance.credential_ends_on
        if self.instance.secret.stored and ends and ends < timezone.localdate():
            return [f"The client secret ended on {ends:%d %b %Y}: Entra refuses it. Make a new one and type it here."]
        if not self.instance.secret.stored:
            return ["No client secret is stored yet, so no token can be fetched with this."]
        return []
