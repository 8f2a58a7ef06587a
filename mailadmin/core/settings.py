"""The frozen values of a route: what transports and probes work from, without knowing any model.

A row of the database, a form that was not saved yet and a test all make the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from . import limits
from .secret import Secret


class Security(StrEnum):
    """How an SMTP connection is encrypted: one choice, so that no two tick boxes can contradict."""

    NONE = "none"
    STARTTLS_IF_OFFERED = "starttls-if-offered"
    STARTTLS = "starttls"
    TLS = "tls"

    @property
    def default_port(self) -> int:
        """Return the port that goes with this choice (RFC 5321, 6409, 8314)."""
        return {
            Security.STARTTLS: limits.SMTP_PORT_STARTTLS,
            Security.TLS: limits.SMTP_PORT_TLS,
        }.get(self, limits.SMTP_PORT_PLAIN)


class TlsVersion(StrEnum):
    """The oldest TLS version that is accepted; what is older than 1.2 is refused on purpose (RFC 8996)."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class SmtpAuth(StrEnum):
    """How an SMTP connection signs in."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 -- the name of a method
    XOAUTH2 = "xoauth2"


class ClientType(StrEnum):
    """The provider of an OAuth service. Another one is one more entry here and one transport."""

    OFFICE365 = "office365"


class SenderPolicy(StrEnum):
    """What a connection does with the From of a message."""

    KEEP = "keep"
    WHEN_MISSING = "when-missing"
    FORCE = "force"


class RouteKind(StrEnum):
    """The two families of routes; OAuth services are preferred, SMTP connections are the fallback."""

    OAUTH = "oauth"
    SMTP = "smtp"


@dataclass(frozen=True)
class RouteKey:
    """Which row a route came from: its kind and the row's UUID as text ("" for values never saved)."""

    kind: RouteKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class TlsSettings:
    """How the server's certificate is checked. `ca_pem` is one or more PEM certificates, or empty for
    the system's own; `trusted_hosts` are names accepted although the certificate says otherwise."""

    minimum: TlsVersion = TlsVersion.TLS_1_2
    check_identity: bool = True
    trusted_hosts: tuple[str, ...] = ()
    ca_pem: str = ""


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to open a connection, for one command, and for the whole message before its final dot."""

    connect: float = limits.CONNECT_SECONDS
    command: float = limits.COMMAND_SECONDS
    message: float = limits.MESSAGE_SECONDS


@dataclass(frozen=True)
class Cloud:
    """A Microsoft cloud: sign-in host, Graph host, its mail hosts (a token for SMTP goes to no other)
    and the scope for SMTP. Hosts may carry a port ("localhost:8443")."""

    name: str
    authority_host: str
    graph_host: str
    mail_hosts: tuple[str, ...]
    smtp_scope: str
    ca_pem: str = ""

    @property
    def graph_scope(self) -> str:
        """Return the scope that asks for everything the app was granted on Graph."""
        return f"https://{self.graph_host}/.default"


@dataclass(frozen=True)
class EntraApp:
    """An app registration used as a service account (client credentials). `id` is the row's UUID as
    text; two values with the same `id` and destination may share tokens."""

    id: str
    name: str
    cloud: Cloud
    tenant: str
    client_id: str
    secret: Secret | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SenderRules:
    """Who a message comes from on this route. `only_for` are addresses or domains ("@example.org"
    or "example.org") that may use the route; empty means everybody."""

    address: str = ""
    name: str = ""
    policy: SenderPolicy = SenderPolicy.KEEP
    envelope: str = ""
    only_for: tuple[str, ...] = ()
    send_as: tuple[str, ...] = ()
    subject_prefix: str = ""


@dataclass(frozen=True)
class RouteBase:
    """What every kind of route has: where it came from, its name, its place, its sender rules, its
    default recipients and its label."""

    key: RouteKey
    name: str
    order: int = 0
    sender: SenderRules = SenderRules()
    default_recipients: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class SmtpRoute(RouteBase):
    """An SMTP connection. `port` None means the default of the security."""

    host: str = ""
    port: int | None = None
    security: Security = Security.STARTTLS
    tls: TlsSettings = TlsSettings()
    auth: SmtpAuth = SmtpAuth.NONE
    domain: str = ""
    user: str = ""
    password: Secret | None = field(default=None, compare=False)
    app: EntraApp | None = None
    timeouts: Timeouts = Timeouts()

    @property
    def effective_port(self) -> int:
        """Return the port to dial."""
        return self.port or self.security.default_port


@dataclass(frozen=True)
class OAuthRoute(RouteBase):
    """An Office 365 OAuth service: `identity` is the mailbox that sends, `scopes` is empty for the
    default of the cloud."""

    client_type: ClientType = ClientType.OFFICE365
    app: EntraApp | None = None
    identity: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def effective_scopes(self) -> tuple[str, ...]:
        """Return the scopes to ask a token for."""
        return self.scopes or ((self.app.cloud.graph_scope,) if self.app else ())


Route = SmtpRoute | OAuthRoute
