"""The form of an SMTP connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms

from mailadmin.core import limits
from mailadmin.core.settings import RouteKey, RouteKind, SmtpAuth, SmtpRoute
from mailadmin.models import SmtpConnection
from mailadmin.models.fields import Checked

from .base import SecondsInput, Sections, textarea
from .secret import SecretForm


class SmtpConnectionForm(SecretForm):
    """An SMTP connection: what is typed here is what is tested and saved."""

    kind = RouteKind.SMTP
    front: ClassVar[Sections] = (
        ("Server", ("name", "host", "security", "port")),
        ("Sign-in", ("auth", "user_name", "secret", "forget_secret", "clear_text_confirmed", "integrated_service")),
        ("Sender", ("from_address", "from_name")),
        ("Use", ("enabled",)),
    )
    advanced: ClassVar[Sections] = (
        ("Encryption", ("tls_minimum", "trusted_hosts", "ca_pem", "check_identity")),
        ("Sign-in", ("domain",)),
        ("Sender", ("sender_policy", "envelope_sender", "only_for_senders")),
        ("Message", ("subject_prefix", "label", "default_recipients")),
        ("Time-outs", ("connect_timeout", "command_timeout", "message_timeout")),
    )
    destination_parts = (
        "the kind",
        "the host",
        "the port",
        "the security",
        "the oldest TLS version",
        "the CA certificate",
        "the check of the identity",
        "the trusted hosts",
        "the proxy",
        "the sign-in",
        "the domain",
        "the user name",
    )
    shown_when: ClassVar[dict[str, str]] = {
        "user_name": "auth=password,xoauth2",
        "secret": "auth=password",
        "forget_secret": "auth=password",
        "clear_text_confirmed": "security=none",
        "integrated_service": "auth=xoauth2",
    }

    port = forms.IntegerField(
        required=False,
        validators=[Checked("port")],
        error_messages={"invalid": "A port is a whole number from 1 to 65535; leave it empty for the usual one."},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="Empty for the usual one: 587 for STARTTLS, 465 for TLS from the start, 25 for the others.",
    )

    class Meta:
        model = SmtpConnection
        fields = (
            "name",
            "host",
            "security",
            "port",
            "auth",
            "user_name",
            "clear_text_confirmed",
            "integrated_service",
            "from_address",
            "from_name",
            "enabled",
            "tls_minimum",
            "check_identity",
            "trusted_hosts",
            "ca_pem",
            "domain",
            "sender_policy",
            "envelope_sender",
            "only_for_senders",
            "subject_prefix",
            "label",
            "default_recipients",
            "connect_timeout",
            "command_timeout",
            "message_timeout",
        )
        widgets = {
            "host": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "user_name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "security": forms.RadioSelect,
            "auth": forms.RadioSelect,
            "trusted_hosts": textarea(),
            "ca_pem": textarea(4, **{"class": "pem"}),
            "only_for_senders": textarea(),
            "default_recipients": textarea(),
            **{
                f"{name}_timeout": SecondsInput(attrs={"inputmode": "decimal"})
                for name in ("connect", "command", "message")
            },
        }
        labels = {
            "name": "Name",
            "security": "Security",
            "auth": "Sign-in",
            "integrated_service": "Integrated service",
            "enabled": "Use this connection for sending",
            "sender_policy": "From of the messages",
            "subject_prefix": "Subject prefix",
            "default_recipients": "Default recipients",
            "clear_text_confirmed": "Yes, send the password without encryption",
            "only_for_senders": "Only for these senders",
        }
        help_texts = {
            "name": "What you call it here and in the log.",
            "host": "Name or IP address of the mail server, such as smtp.example.org.",
            "clear_text_confirmed": "Without encryption everybody on the way to the server can read the password. "
            "Not asked for a server on this machine.",
            "integrated_service": "Gives the token; only service accounts can be chosen. The token goes to the mail "
            "hosts of its cloud alone.",
            "user_name": "For Microsoft 365 and most providers the full e-mail address.",
            "from_address": "Stands in for a missing From; see Advanced for other rules.",
            "check_identity": "The certificate must be for the host's name. Without this, anybody who can redirect the "
            "connection can read the mail.",
            "trusted_hosts": "Names that are accepted in the certificate although it is not for the host; separated "
            "by spaces.",
            "ca_pem": "The certificate of your own authority, when the server's was not issued by a public one.",
            "tls_minimum": "Older versions than 1.2 are broken and refused on purpose.",
            "domain": "For servers that know users as DOMAIN\\user.",
            "envelope_sender": "Where bounces go; empty for the From address.",
            "only_for_senders": "Addresses or domains; empty for everybody.",
            "subject_prefix": "Put in front of every subject, with a blank between, such as “[Staging]”.",
            "label": "Goes with every message into the log, to tell traffic apart.",
            "default_recipients": "For messages that name none; those of a message come first. Separated by commas.",
            "connect_timeout": f"Usually {limits.CONNECT_SECONDS}.",
            "command_timeout": f"Usually {limits.COMMAND_SECONDS}.",
            "message_timeout": f"Usually {limits.MESSAGE_SECONDS}; a bigger message over a slow line needs more.",
        }
        error_messages = {
            "name": {"required": "Give it a name.", "unique": "Another SMTP connection has this name."},
            "host": {"required": "Type the name or IP address of the server."},
            "integrated_service": {"invalid_choice": "Choose one of the integrated services in the list."},
            **{
                f"{name}_timeout": {
                    "invalid": "Type a number of seconds.",
                    "required": "Type a number of seconds.",
                }
                for name in ("connect", "command", "message")
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["integrated_service"].empty_label = "(none)"  # type: ignore[attr-defined]  # a ModelChoiceField

    def needs_secret(self) -> bool:
        """Tell whether a password belongs to the chosen sign-in."""
        return bool(self.cleaned_data["auth"] == SmtpAuth.PASSWORD)

    def clean(self) -> dict[str, Any]:
        """Check that user name and password come together (S23). Raises nothing: errors go to their fields."""
        values = super().clean() or self.cleaned_data
        if values.get("auth") == SmtpAuth.NONE:
            if values.get("secret"):
                self.add_error("auth", "You typed a password: choose “User name and password”, or leave it empty.")
            elif values.get("user_name") and "user_name" in self.changed_data:
                self.add_error("auth", "You typed a user name: choose “User name and password”, or leave it empty.")
            else:
                values["user_name"] = ""
        elif values.get("auth") == SmtpAuth.XOAUTH2 and values.get("secret"):
            self.add_error("secret", "XOAUTH2 signs in with a token; leave the password empty.")
        return values

    def to_route(self) -> SmtpRoute:
        """Return the frozen value of what was typed, with the typed secret or the stored one when the destination
        is the same. Only after `is_valid()`; saves nothing."""
        route: SmtpRoute = self.instance.to_route()
        return replace(route, key=RouteKey(self.kind, "")) if self.instance._state.adding else route
