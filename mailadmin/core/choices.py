"""The choices of a route: what each setting may be."""

from __future__ import annotations

from enum import StrEnum

from . import limits


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
    """How an SMTP connection signs in: XOAUTH2 stands for a token (also by OAUTHBEARER), GSSAPI for the
    Kerberos ticket of this very process, CERTIFICATE for a client certificate (with EXTERNAL where it is offered)."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 -- the name of a method
    XOAUTH2 = "xoauth2"
    GSSAPI = "gssapi"
    CERTIFICATE = "certificate"


class ProxyKind(StrEnum):
    """How a proxy is spoken to: HTTP CONNECT (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928, 1929)."""

    HTTP = "http"
    SOCKS5 = "socks5"

    @property
    def default_port(self) -> int:
        """Return the port that such proxies usually listen on."""
        return {ProxyKind.HTTP: limits.PROXY_PORT_HTTP, ProxyKind.SOCKS5: limits.PROXY_PORT_SOCKS5}[self]


class AddressFamily(StrEnum):
    """Which addresses of a host are dialled: both families racing (RFC 8305), in the resolver's order one
    after the other, or only one family."""

    RACE = "race"
    IN_TURN = "in-turn"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Notices(StrEnum):
    """Which delivery status notices are asked for (RFC 3461): nothing said, never, on failure, on failure and
    delay, or on success too."""

    SERVER = ""
    NEVER = "never"
    FAILURE = "failure"
    DELAY = "failure,delay"
    ALL = "success,failure,delay"


class ClientType(StrEnum):
    """The provider of an OAuth service. Another one is one more entry here and one transport."""

    OFFICE365 = "office365"


class CredentialKind(StrEnum):
    """How an app registration proves itself to Entra (learn.microsoft.com, "client credentials flow")."""

    SECRET = "secret"  # noqa: S105 -- the name of a method
    CERTIFICATE = "certificate"
    FEDERATED = "federated"
    MANAGED_IDENTITY = "managed-identity"


class SenderPolicy(StrEnum):
    """What a connection does with the From of a message."""

    KEEP = "keep"
    WHEN_MISSING = "when-missing"
    FORCE = "force"


class RouteKind(StrEnum):
    """The two families of routes; OAuth services are preferred, SMTP connections are the fallback."""

    OAUTH = "oauth"
    SMTP = "smtp"


class OnUnsure(StrEnum):
    """What happens to a queued message that may have been taken."""

    RESEND = "resend"  # once more, by the same route, with the same Message-ID
    HOLD = "hold"  # a person decides
