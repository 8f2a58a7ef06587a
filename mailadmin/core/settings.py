"""The frozen values of a route: what transports and probes work from, without knowing any model.

A row of the database, a form that was not saved yet and a test all make the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from . import limits
from .choices import AddressFamily as AddressFamily
from .choices import ClientType as ClientType
from .choices import CredentialKind as CredentialKind
from .choices import Notices as Notices
from .choices import OnUnsure as OnUnsure
from .choices import ProxyKind as ProxyKind
from .choices import RouteKind as RouteKind
from .choices import Security as Security
from .choices import SenderPolicy as SenderPolicy
from .choices import SmtpAuth as SmtpAuth
from .choices import TlsVersion as TlsVersion
from .secret import Secret


@dataclass(frozen=True)
class RouteKey:
    """Which row a route came from: its kind and the row's UUID as text ("" for values never saved)."""

    kind: RouteKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def read(cls, text: str) -> RouteKey:
        """Return the key that `str` made `text` of. Raises ValueError for another text."""
        kind, _, name = text.partition(":")
        return cls(RouteKind(kind), name)


@dataclass(frozen=True)
class TlsSettings:
    """How the server's certificate is checked. `ca_pem` is one or more PEM certificates, or empty for
    the system's own; `trusted_hosts` are names accepted although the certificate says otherwise;
    `check_revocation` asks the issuer's revocation list (CRL) too."""

    minimum: TlsVersion = TlsVersion.TLS_1_2
    check_identity: bool = True
    trusted_hosts: tuple[str, ...] = ()
    ca_pem: str = ""
    check_revocation: bool = False


@dataclass(frozen=True)
class ClientCertificate:
    """What we show to a server that asks who we are (TLS client authentication): PEM certificates, our own
    first, and the PEM private key."""

    pem: str
    key: Secret | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Proxy:
    """A proxy between us and the server; it also resolves the server's name."""

    kind: ProxyKind
    host: str
    port: int
    user: str = ""
    password: Secret | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to open a connection, for one command, for the whole message before its final dot, and for the
    answer to that dot, where a caller waits and where only a worker does."""

    connect: float = limits.CONNECT_SECONDS
    command: float = limits.COMMAND_SECONDS
    message: float = limits.MESSAGE_SECONDS
    final: float = limits.FINAL_REPLY_SECONDS
    final_background: float = limits.FINAL_REPLY_BACKGROUND_SECONDS


@dataclass(frozen=True)
class SessionRules:
    """How sessions are used: kept open after a message, for how many idle seconds and messages, how many at
    once for a list, and whether PIPELINING and CHUNKING are used where they are offered."""

    keep_open: bool = True
    idle_seconds: float = limits.SESSION_IDLE_SECONDS
    messages: int = limits.SESSION_MESSAGES
    parallel: int = limits.SESSIONS
    pipelining: bool = True
    chunking: bool = True


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
class Credential:
    """What an app registration proves itself with.

    `secret` is the client secret, the private key (PEM) of `certificate` (PEM, our own first), or an assertion of
    another issuer, which is opened anew for each token; a managed identity has none. `ends_on` is its last day, None
    when nobody knows. `version` changes with each new credential; "" for one that was never saved, whose tokens stay
    in this process.
    """

    kind: CredentialKind = CredentialKind.SECRET
    secret: Secret | None = field(default=None, compare=False)
    certificate: str = ""
    ends_on: date | None = None
    version: str = ""


@dataclass(frozen=True)
class EntraApp:
    """An app registration used as a service account (client credentials). `id` is the row's UUID as
    text; two values with the same `id`, destination and credential may share tokens.

    `requests_at_once` is how many requests to Graph may be under way for the app, in all processes together;
    `wide_permission_ok` tells that a permission for every mailbox of the tenant is known and meant. With a managed
    identity `client_id` names the user-assigned one, and is empty for that of the machine.
    """

    id: str
    name: str
    cloud: Cloud
    tenant: str
    client_id: str
    credential: Credential | None = None
    proxy: Proxy | None = None
    requests_at_once: int = limits.GRAPH_REQUESTS_AT_ONCE
    wide_permission_ok: bool = False


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
class Rate:
    """At most `messages` in `seconds`; 0 messages set no limit."""

    messages: int = 0
    seconds: int = 60


@dataclass(frozen=True)
class RouteBase:
    """What every kind of route has: where it came from, its name, its place, its sender rules, its
    default recipients, its label, and what follows an unclear answer to a queued message."""

    key: RouteKey
    name: str
    order: int = 0
    sender: SenderRules = SenderRules()
    default_recipients: tuple[str, ...] = ()
    label: str = ""
    on_unsure: OnUnsure = OnUnsure.RESEND


@dataclass(frozen=True)
class SmtpRoute(RouteBase):
    """An SMTP connection. `port` None means the default of the security; `mechanism` names the one sign-in
    method to use with a password ("" for the strongest that is offered); `rate` is the limit that all processes keep
    together."""

    host: str = ""
    port: int | None = None
    security: Security = Security.STARTTLS
    tls: TlsSettings = TlsSettings()
    auth: SmtpAuth = SmtpAuth.NONE
    mechanism: str = ""
    domain: str = ""
    user: str = ""
    password: Secret | None = field(default=None, compare=False)
    app: EntraApp | None = None
    client: ClientCertificate | None = None
    proxy: Proxy | None = None
    family: AddressFamily = AddressFamily.RACE
    sessions: SessionRules = SessionRules()
    notices: Notices = Notices.SERVER
    timeouts: Timeouts = Timeouts()
    rate: Rate = Rate()

    @property
    def effective_port(self) -> int:
        """Return the port to dial."""
        return self.port or self.security.default_port


@dataclass(frozen=True)
class OAuthRoute(RouteBase):
    """An Office 365 OAuth service: `identity` is the mailbox that sends, `mailboxes` are further ones that share the
    load, `scopes` is empty for the default of the cloud.

    `large_messages` allows drafts and upload sessions (Mail.ReadWrite), `settle` a look into the mailbox after an
    unclear answer (Mail.Read); `save_to_sent` False asks Graph to keep no copy where that is possible;
    `messages_per_minute` is for each mailbox, 0 for no limit.
    """

    client_type: ClientType = ClientType.OFFICE365
    app: EntraApp | None = None
    identity: str = ""
    mailboxes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    large_messages: bool = False
    save_to_sent: bool = True
    settle: bool = False
    messages_per_minute: int = limits.GRAPH_MESSAGES_PER_MINUTE

    @property
    def identities(self) -> tuple[str, ...]:
        """Return every mailbox that sends, the service identity first."""
        return (self.identity, *self.mailboxes)

    @property
    def effective_scopes(self) -> tuple[str, ...]:
        """Return the scopes to ask a token for."""
        return self.scopes or ((self.app.cloud.graph_scope,) if self.app else ())


Route = SmtpRoute | OAuthRoute
