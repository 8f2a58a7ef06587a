"""The bare facts of one failure, as the transport saw them, before anything explains them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where in the path of a message something happened; the steps of a test have the same names."""

    SETTINGS = "settings"
    MESSAGE = "message"  # building and checking the message, before any connection
    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"  # from the connection to the proxy until it has reached the server
    GREETING = "greeting"  # banner and EHLO
    TLS = "tls"
    AUTH = "auth"
    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # DATA, the content and the answer to its end
    TOKEN = "token"  # noqa: S105 -- the Entra token endpoint
    GRAPH = "graph"  # a request to Microsoft Graph


class Kind(StrEnum):
    """What happened, in the words of the machine. Knowledge entries match on these."""

    # our own settings and the message itself
    NO_ROUTE = "no-route"
    ROUTE_INCOMPLETE = "route-incomplete"  # a setting is missing; `text` says which
    SECRET_MISSING = "secret-missing"  # noqa: S105
    SECRET_UNREADABLE = "secret-unreadable"  # noqa: S105 -- wrong key, or a reference that cannot be read
    CLEAR_TEXT_REFUSED = "clear-text-refused"  # a password would have left without encryption
    TOKEN_HOST_REFUSED = "token-host-refused"  # noqa: S105 -- a token for a host that is not the cloud's
    TOKEN_AUDIENCE = "token-audience"  # noqa: S105 -- the scope asks for a token that is meant for another host
    PERMISSION_WIDE = "permission-wide"  # the token may use every mailbox of the tenant; a finding, not a failure
    CREDENTIAL_BAD = "credential-bad"  # the certificate or key of an app cannot be used
    CREDENTIAL_ENDED = "credential-ended"  # it has ended, so it is not even tried
    IDENTITY_UNAVAILABLE = "identity-unavailable"  # no managed identity on this machine, or not allowed
    TOKEN_TRUST_REFUSED = "token-trust-refused"  # noqa: S105 -- a token for whoever a connection alone trusts
    ADDRESS_REFUSED = "address-refused"  # the dialler's policy forbids this network address
    PORT_REFUSED = "port-refused"  # the dialler's policy forbids this port
    BAD_ADDRESS = "bad-address"
    BAD_HEADER = "bad-header"
    BAD_OPTION = "bad-option"  # how the message is to be sent: mode, key, label; `text` says which
    BAD_PRIORITY = "bad-priority"
    BAD_BODY_FORMAT = "bad-body-format"
    BAD_TIME = "bad-time"  # when to send, or when to give up
    BAD_METADATA = "bad-metadata"
    ROUTE_UNKNOWN = "route-unknown"  # the message asks for a route that is not there
    ENTRY_EMPTY = "entry-empty"  # an entry of To, Cc, Bcc or Reply-To names nobody
    FROM_EMPTY = "from-empty"  # From was given, and is empty
    RECIPIENTS_TOO_MANY = "recipients-too-many"
    FILE_MISSING = "file-missing"
    FILE_UNREADABLE = "file-unreadable"
    FILE_IS_FOLDER = "file-is-folder"
    ATTACHMENT_BAD = "attachment-bad"  # nothing that can be attached; `text` says why
    ATTACHMENT_EMPTY = "attachment-empty"  # it was given without content
    ATTACHMENTS_TOO_MANY = "attachments-too-many"
    ATTACHMENTS_TOO_LARGE = "attachments-too-large"
    NO_RECIPIENTS = "no-recipients"
    NO_SENDER = "no-sender"
    BAD_MESSAGE = "bad-message"  # the message cannot be turned into bytes
    LIBRARY_MISSING = "library-missing"  # an optional library for this sign-in is not installed; `text` names it
    TICKET_MISSING = "ticket-missing"  # no Kerberos ticket for this process
    CLIENT_CERTIFICATE_BAD = "client-certificate-bad"  # our own certificate or key cannot be used
    EIGHT_BIT_UNSUPPORTED = "eight-bit-unsupported"  # 8-bit content that cannot be recoded, and no 8BITMIME
    UTF8_UNSUPPORTED = "utf8-unsupported"  # the route cannot carry this address (no SMTPUTF8)
    ENVELOPE_UNSUPPORTED = "envelope-unsupported"  # the route cannot serve only some of the recipients
    TOO_LARGE = "too-large"  # over the limit, found before sending
    LARGE_NOT_ALLOWED = "large-not-allowed"  # too large for one request, and upload sessions are not switched on
    NOT_CARRIED = "not-carried"  # Graph cannot carry this message in the form that its size asks for
    PACED = "paced"  # our own limit: the mailbox or connection has sent its messages for now, or must pause
    BUSY = "busy"  # our own limit: no request to Graph became free in time
    UPLOAD_BROKEN = "upload-broken"  # the draft of a large message, or a file in it, could not be made
    ROUTE_RESTING = "route-resting"  # the circuit breakers of all routes that are left are open
    ROUTE_PAUSED = "route-paused"  # somebody paused every route that is left
    SENDING_HELD = "sending-held"  # all mail is held, by the switch or by the guard; `text` says which
    QUEUE_UNAVAILABLE = "queue-unavailable"  # the message could not be written into the outbox
    KEY_REUSED = "key-reused"  # the idempotency key belongs to another message
    GIVEN_UP = "given-up"  # the lifetime in the outbox is over
    CLAIM_LOST = "claim-lost"  # another worker has the message now; this one must not let it leave
    WORKER_ENDED = "worker-ended"  # between the end of the message and the note of the server's answer
    CONTENT_LOST = "content-lost"  # the stored content of a queued message cannot be read
    DRAFT_REFUSED = "draft-refused"  # Graph allows no drafts: Mail.ReadWrite is missing
    # names and lines
    DNS_NOT_FOUND = "dns-not-found"
    DNS_FAILED = "dns-failed"  # the resolver did not answer, or asked to try again
    TCP_REFUSED = "tcp-refused"
    TCP_UNREACHABLE = "tcp-unreachable"
    TCP_TIMEOUT = "tcp-timeout"
    TCP_LOCAL = "tcp-local"  # no socket to be had on our side (in use, too many open)
    CLOSED = "closed"  # the peer closed or reset the connection
    TIMEOUT = "timeout"  # no answer within the time
    # a proxy in between
    PROXY_UNREACHABLE = "proxy-unreachable"  # its name, its port, or no answer from it
    PROXY_SIGN_IN = "proxy-sign-in"  # it wants a user name and password, or refused them
    PROXY_REFUSED = "proxy-refused"  # its rules forbid this server or port
    PROXY_TARGET = "proxy-target"  # it could not reach the server; `text` says how
    PROXY_ANSWER = "proxy-answer"  # what answers is no such proxy
    # TLS
    TLS_EXPECTED = "tls-expected"  # we spoke plain text to a TLS port
    PLAIN_EXPECTED = "plain-expected"  # we spoke TLS to a plain port
    STARTTLS_MISSING = "starttls-missing"
    STARTTLS_REFUSED = "starttls-refused"
    TLS_TOO_OLD = "tls-too-old"
    TLS_BROKEN = "tls-broken"
    CERT_EXPIRED = "cert-expired"
    CERT_NOT_YET_VALID = "cert-not-yet-valid"
    CERT_WRONG_NAME = "cert-wrong-name"
    CERT_SELF_SIGNED = "cert-self-signed"
    CERT_UNKNOWN_ISSUER = "cert-unknown-issuer"
    CERT_REVOKED = "cert-revoked"
    CRL_UNAVAILABLE = "crl-unavailable"  # the revocation list is not to be had, and its check is on
    CERT_INVALID = "cert-invalid"  # any other fault of the chain
    CLIENT_CERTIFICATE_REFUSED = "client-certificate-refused"  # the server wants one, or refuses ours
    # SMTP
    NOT_SMTP = "not-smtp"
    REPLY = "reply"  # the server answered with a refusal: see smtp_code, enhanced, text
    OUT_OF_STEP = "out-of-step"  # an answer that fits no command
    MECHANISM_MISSING = "mechanism-missing"  # no sign-in method in common
    SERVER_PROOF = "server-proof"  # the server did not prove that it knows the password (SCRAM)
    # HTTP: Entra and Graph
    TOKEN_REFUSED = "token-refused"  # noqa: S105 -- see aadsts, text
    HTTP_STATUS = "http-status"  # see http_status, graph_code, text
    HTTP_ANSWER = "http-answer"  # an answer that is not what the API gives (a proxy's page, no JSON)
    HTTP_REDIRECT = "http-redirect"


@dataclass(frozen=True)
class Fault:
    """One failure. Texts from outside are already cleaned by `core.redact.clean`.

    `maybe_sent` is True from the moment the last byte of the message was handed over until a final
    answer was read: the message may have been taken. `retry_after` is in seconds; `size_limit` is the largest
    message (bytes) that the peer says it takes, 0 when it says nothing; `names` are those that a refused certificate is
    for; `field` is the part of the message that is wrong, as the caller named it ("to", "to.2", "attachments.1",
    "priority"; places count from 1), or else which setting is, or what tells this fault from others of its kind
    ("host", "proxy_password", "database"): nobody looks for our own words, which are translated. `issuer` is whoever
    issued a refused certificate.
    """

    phase: Phase
    kind: Kind
    text: str = ""
    host: str = ""
    port: int | None = None
    smtp_code: int | None = None
    enhanced: str = ""
    http_status: int | None = None
    graph_code: str = ""
    aadsts: str = ""
    recipient: str = ""
    maybe_sent: bool = False
    retry_after: float | None = None
    request_id: str = ""
    size_limit: int = 0
    names: tuple[str, ...] = ()
    field: str = ""
    issuer: str = ""

    @property
    def code(self) -> str:
        """Return the shortest code a person could search for ("535 5.7.139", "AADSTS7000215",
        "ErrorAccessDenied", "HTTP 503"), or the kind."""
        if self.smtp_code:
            return f"{self.smtp_code} {self.enhanced}".strip()
        if self.aadsts:
            return f"AADSTS{self.aadsts}"
        if self.graph_code:
            return self.graph_code
        if self.http_status:
            return f"HTTP {self.http_status}"
        return str(self.kind)

    @property
    def where(self) -> str:
        """Return "host:port", the host alone, or an empty string."""
        return f"{self.host}:{self.port}" if self.host and self.port else self.host
