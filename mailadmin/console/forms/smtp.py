"""The form of an SMTP connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from mailadmin.console import starts
from mailadmin.core.settings import RouteKey, RouteKind, SmtpAuth, SmtpRoute
from mailadmin.models import SmtpConnection
from mailadmin.models.fields import Checked
from mailadmin.models.smtp import spare_password

from . import smtp_texts
from .base import Sections
from .proxy import PROXY_COLUMNS, PROXY_PARTS, PROXY_SECTION, ProxyForm
from .secret import SecretField, forget_field


class SmtpConnectionForm(ProxyForm):
    """An SMTP connection: what is typed here is what is tested and saved."""

    kind = RouteKind.SMTP
    front: ClassVar[Sections] = (
        (_("Server"), ("name", "host", "security", "port")),
        (_("Sign-in"), ("auth", "user_name", "secret", "forget_secret", "clear_text_confirmed", "integrated_service")),
        (_("Sender"), ("from_address", "from_name")),
        (_("Use"), ("enabled",)),
    )
    advanced: ClassVar[Sections] = (
        (_("Encryption"), ("tls_minimum", "trusted_hosts", "ca_pem", "check_identity", "check_revocation")),
        (_("Sign-in"), ("mechanism", "domain")),
        (_("Client certificate"), ("client_certificate", "client_key", "forget_client_key")),
        PROXY_SECTION,
        (
            _("Sessions and speed"),
            ("keep_open", "idle_seconds", "session_messages", "parallel", "family", "pipelining", "chunking"),
        ),
        (_("Pace"), ("rate_messages", "rate_seconds")),
        (_("Unclear answers"), ("on_unsure",)),
        (_("Delivery notices"), ("notices",)),
        (
            _("Time limits"),
            ("connect_timeout", "command_timeout", "message_timeout", "final_timeout", "final_background_timeout"),
        ),
        (_("Sender"), ("sender_policy", "envelope_sender", "only_for_senders")),
        (_("Message"), ("subject_prefix", "label", "default_recipients")),
    )
    nested = True
    destination_parts = {
        "secret": (
            _("the kind"),
            _("the host"),
            _("the port"),
            _("the security"),
            _("the oldest TLS version"),
            _("the CA certificate"),
            _("the check of the identity"),
            _("the trusted hosts"),
            _("the sign-in"),
            _("the domain"),
            _("the user name"),
            *[pgettext_lazy("what was changed", "the proxy")] * len(PROXY_PARTS),
        ),
        "proxy_password": PROXY_PARTS,
        "client_key": (_("the kind"), _("the client certificate")),
    }
    shown_when: ClassVar[dict[str, str]] = ProxyForm.shown_when | {
        "user_name": "auth=password,xoauth2,certificate",
        "secret": "auth=password",
        "forget_secret": "auth=password",
        "clear_text_confirmed": "security=none",
        "integrated_service": "auth=xoauth2",
        "mechanism": "auth=password",
        "idle_seconds": "keep_open=on",
        "session_messages": "keep_open=on",
    }
    usual: ClassVar[dict[str, Any]] = {
        "rate_messages": 0,
        "rate_seconds": SmtpConnection.RateChoice.MINUTE,
        "on_unsure": SmtpConnection.UnsureChoice.RESEND,
    }

    port = forms.IntegerField(
        label=_("Port"),
        required=False,
        validators=[Checked("port")],
        error_messages={"invalid": _("A port is a whole number from 1 to 65535; leave it empty for the usual one.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("Empty for the usual one: 587 for STARTTLS, 465 for TLS from the start, 25 for the others."),
    )
    secret = SecretField()
    forget_secret = forget_field()
    client_key = SecretField(lines=True, help_text=_("PEM, without a passphrase."))
    forget_client_key = forget_field()

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
            "check_revocation",
            "mechanism",
            "domain",
            "client_certificate",
            *PROXY_COLUMNS,
            "keep_open",
            "idle_seconds",
            "session_messages",
            "parallel",
            "family",
            "pipelining",
            "chunking",
            "rate_messages",
            "rate_seconds",
            "on_unsure",
            "notices",
            "connect_timeout",
            "command_timeout",
            "message_timeout",
            "final_timeout",
            "final_background_timeout",
            "sender_policy",
            "envelope_sender",
            "only_for_senders",
            "subject_prefix",
            "label",
            "default_recipients",
        )
        widgets = smtp_texts.WIDGETS
        labels = smtp_texts.LABELS
        help_texts = smtp_texts.HELPS
        error_messages = smtp_texts.ERRORS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["integrated_service"].empty_label = gettext("(none)")  # type: ignore[attr-defined]  # a ModelChoiceField

    @classmethod
    def initial_from(cls, query: Mapping[str, str]) -> dict[str, str]:
        """Return the values of a signed link; a name that another connection has is left to the person."""
        values = starts.opened(query.get(starts.QUERY, ""))
        if SmtpConnection.objects.filter(name__iexact=values.get("name", "")).exists():
            del values["name"]
        return values

    def needs(self, slot: str) -> bool:
        """Tell whether the secret in `slot` belongs to what was chosen."""
        return bool(self.instance.needs_secret(slot))

    def clean(self) -> dict[str, Any]:
        """Check that user name and password come together (S23), and a certificate with its key. Raises nothing:
        errors go to their fields."""
        values = super().clean() or self.cleaned_data
        auth = values.get("auth")
        if auth == SmtpAuth.NONE and (values.get("secret") or "user_name" not in self.changed_data):
            values["user_name"] = ""
        if auth and values.get("secret") and (sentence := spare_password(auth)):
            self.add_error("auth" if auth == SmtpAuth.NONE else "secret", sentence)
        if (
            values.get("client_key")
            and not values.get("client_certificate")
            and not self.has_error("client_certificate")
        ):
            self.add_error(
                "client_certificate", gettext("You typed a private key; paste the certificate that it belongs to.")
            )
        return values

    def to_route(self) -> SmtpRoute:
        """Return the frozen value of what was typed, with the typed secrets or the stored ones when the destination
        is the same. Only after `is_valid()`; saves nothing."""
        route: SmtpRoute = self.instance.to_route()
        return replace(route, key=RouteKey(self.kind, "")) if self.instance._state.adding else route
