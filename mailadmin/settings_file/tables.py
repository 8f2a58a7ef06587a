"""The tables that a settings file may have, in the order in which an export writes them: what others name comes
first."""

from __future__ import annotations

from collections.abc import Callable

from mailadmin.core.settings import CredentialKind
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    IntegratedService,
    OAuthService,
    SenderDomain,
    Settings,
    SmtpConnection,
)
from mailadmin.models.credentials import FIRST, SECOND, CredentialColumns

from .table import Row, table

_PROXY = ("proxy_kind", "proxy_host", "proxy_port", "proxy_user", "proxy_password")
_SWITCH = ("sending", "redirect_to", "spared")


def _typed_end(columns: CredentialColumns) -> Callable[[Row], bool]:
    """Return whether the last day of a credential is typed by people: a certificate carries its own."""
    return lambda row: bool(getattr(row, columns.kind)) and columns.kind_of(row) is CredentialKind.SECRET


def _has_second(row: Row) -> bool:
    return bool(row.second_kind)


PREFERENCES = table("settings", Settings, (), leave=_SWITCH, title="")
# The switch for all mail has a table of its own: the console turns it in an emergency, whoever manages the rest.
SENDING = table("sending", Settings, _SWITCH, rest=False, names={"sending": "state"}, title="", owned=False)
SERVICES = table(
    "integrated_service",
    IntegratedService,
    (
        *("name", "cloud", "authority_host", "graph_host", "tenant", "client_id"),
        *("credential_kind", "secret", "credential_ends_on", "certificate"),
        *("second_kind", "second_secret", "second_ends_on", "second_certificate"),
        *("mail_hosts", "ca_pem", *_PROXY),
    ),
    belongs={
        FIRST.ends_on: _typed_end(FIRST),
        SECOND.ends_on: _typed_end(SECOND),
        SECOND.secret: _has_second,
        SECOND.certificate: _has_second,
    },
)
OAUTH = table(
    "oauth_service",
    OAuthService,
    ("name", "client_type", "integrated_service", "service_identity", "enabled"),
    leave=("order",),
)
SMTP = table(
    "smtp_connection",
    SmtpConnection,
    (
        *("name", "host", "security", "port", "auth", "user_name", "secret", "clear_text_confirmed"),
        *("integrated_service", "from_address", "from_name", "enabled", "mechanism", "domain"),
        *("client_certificate", "client_key", *_PROXY),
    ),
    leave=("order",),
    names={"secret": "password"},
)
CHANNELS = table("alert_channel", AlertChannel, ("name", "kind", "recipients", "url", "signing"))
DOMAINS = table("sender_domain", SenderDomain, ("domain", "selectors"), leave=("reading", "read_at"), title="domain")
CLIENTS = table("api_client", ApiClient, ("name", "scopes", "senders", "routes", "label"))

TABLES = (PREFERENCES, SENDING, SERVICES, OAUTH, SMTP, CHANNELS, DOMAINS, CLIENTS)
ROUTES = (OAUTH, SMTP)
BY_NAME = {one.name: one for one in TABLES}
