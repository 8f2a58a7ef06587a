"""Failures of settings, messages, names, lines and TLS."""

from __future__ import annotations

from mailadmin.core.fault import Fault, Kind, Phase

from .make import GRAPH, HOST, LOGIN, line, ours

AUTH = Phase.AUTH
SENDER = Phase.SENDER
RECIPIENT = Phase.RECIPIENT
DATA = Phase.DATA
GREETING = Phase.GREETING
TLS = Phase.TLS
CHAIN = "self-signed certificate in certificate chain"

FAILURES: dict[str, Fault | list[Fault]] = {
    # our own settings and the message
    "maybe-delivered": Fault(Phase.TCP, Kind.CLOSED, host=HOST, maybe_sent=True),
    "no-route": ours(Kind.NO_ROUTE),
    "settings-unreadable": ours(Kind.NO_ROUTE, "The mail settings cannot be read from the database (no answer)."),
    "route-incomplete": ours(Kind.ROUTE_INCOMPLETE, "The name is missing."),
    "tenant-missing": ours(Kind.ROUTE_INCOMPLETE, "The OAuth service lacks a tenant."),
    "client-id-missing": ours(Kind.ROUTE_INCOMPLETE, "The OAuth service lacks a client ID."),
    "host-missing": [
        ours(Kind.ROUTE_INCOMPLETE, "The host is missing."),
        ours(Kind.ROUTE_INCOMPLETE, "The OAuth service lacks a sign-in host."),
        ours(
            Kind.ROUTE_INCOMPLETE,
            "“a b” is not a host name with an optional port, such as graph.microsoft.com.",
        ),
    ],
    "port-out-of-range": ours(Kind.ROUTE_INCOMPLETE, "The port 70000 is not between 1 and 65535."),
    "ca-unreadable": ours(
        Kind.ROUTE_INCOMPLETE,
        "The own CA certificate cannot be read; it must be one or more certificates in PEM.",
    ),
    "environment-unusable": [
        ours(Kind.ROUTE_INCOMPLETE, "HTTPS_PROXY must name an HTTP proxy, such as http://proxy.example.org:3128."),
        ours(
            Kind.ROUTE_INCOMPLETE,
            "The CA bundle that the environment names in SSL_CERT_FILE cannot be read.",
        ),
    ],
    "credentials-incomplete": ours(Kind.ROUTE_INCOMPLETE, "The user name is missing."),
    "integrated-service-missing": [
        ours(Kind.ROUTE_INCOMPLETE, "The integrated service is missing."),
        ours(Kind.ROUTE_INCOMPLETE, "The OAuth service has no integrated service."),
    ],
    "identity-missing": [
        ours(Kind.ROUTE_INCOMPLETE, "The service identity is missing."),
        ours(Kind.ROUTE_INCOMPLETE, "The OAuth service lacks a service identity (the mailbox that sends)."),
    ],
    "secret-missing": ours(Kind.SECRET_MISSING, "The password is missing."),
    "client-secret-missing": [
        ours(Kind.SECRET_MISSING, phase=Phase.TOKEN),
        ours(Kind.SECRET_MISSING, "The client secret is missing."),
    ],
    "secret-unreadable": ours(Kind.SECRET_UNREADABLE, "The stored secret is damaged; type it again."),
    "client-secret-unreadable": ours(Kind.SECRET_UNREADABLE, phase=Phase.TOKEN),
    "clear-text-refused": ours(Kind.CLEAR_TEXT_REFUSED, phase=AUTH),
    "token-host-refused": ours(Kind.TOKEN_HOST_REFUSED, phase=AUTH),
    "address-refused": line(Kind.ADDRESS_REFUSED, Phase.DNS, "169.254.169.254 is a link-local address."),
    "port-refused": line(Kind.PORT_REFUSED, Phase.DNS),
    "bad-address": ours(Kind.BAD_ADDRESS, "“ada” is not an e-mail address.", Phase.MESSAGE),
    "bad-header": ours(Kind.BAD_HEADER, "The subject holds a line break.", Phase.MESSAGE),
    "no-recipients": ours(Kind.NO_RECIPIENTS, phase=Phase.MESSAGE),
    "no-sender": ours(Kind.NO_SENDER, phase=Phase.MESSAGE),
    "bad-message": ours(Kind.BAD_MESSAGE, "The body is not text.", Phase.MESSAGE),
    "attachment-missing": ours(Kind.BAD_MESSAGE, "[Errno 2] No such file or directory: 'report.pdf'", Phase.MESSAGE),
    "attachment-unreadable": ours(Kind.BAD_MESSAGE, "[Errno 13] Permission denied: 'report.pdf'", Phase.MESSAGE),
    "utf8-unsupported": line(Kind.UTF8_UNSUPPORTED, SENDER),
    "eight-bit-unsupported": ours(
        Kind.EIGHT_BIT_UNSUPPORTED, "It is signed, so no byte of it may change.", Phase.MESSAGE
    ),
    "envelope-unsupported": ours(Kind.ENVELOPE_UNSUPPORTED, phase=Phase.MESSAGE),
    "too-large": ours(Kind.TOO_LARGE, "The message has 5.1 MB; the limit is 4 MB.", Phase.MESSAGE),
    # names and lines
    "dns-not-found": line(Kind.DNS_NOT_FOUND, Phase.DNS, "Name or service not known"),
    "dns-failed": line(Kind.DNS_FAILED, Phase.DNS, "Temporary failure in name resolution"),
    "tcp-refused": line(Kind.TCP_REFUSED, text="Connection refused"),
    "tcp-unreachable": line(Kind.TCP_UNREACHABLE, text="Network is unreachable"),
    "proxy-refused": line(
        Kind.TCP_UNREACHABLE, text="The proxy proxy.example.org:3128 said: HTTP/1.1 407 Proxy Authentication Required"
    ),
    "tcp-timeout": line(Kind.TCP_TIMEOUT),
    "tcp-local": line(Kind.TCP_LOCAL, text="Cannot assign requested address"),
    "closed": [line(Kind.CLOSED, SENDER), line(Kind.CLOSED, DATA), line(Kind.CLOSED, Phase.GRAPH, host=GRAPH)],
    "timeout": [line(Kind.TIMEOUT, RECIPIENT), line(Kind.TIMEOUT, Phase.TOKEN, host=LOGIN)],
    # TLS
    "tls-expected": line(Kind.TLS_EXPECTED, GREETING, port=465),
    "plain-expected": line(Kind.PLAIN_EXPECTED, TLS, "wrong version number"),
    "starttls-missing": line(Kind.STARTTLS_MISSING, TLS),
    "starttls-refused": [
        line(Kind.STARTTLS_REFUSED, TLS),
        Fault(
            TLS,
            Kind.STARTTLS_REFUSED,
            "454 4.7.0 TLS not available due to local problem",
            HOST,
            587,
            smtp_code=454,
            enhanced="4.7.0",
        ),
    ],
    "tls-too-old": line(Kind.TLS_TOO_OLD, TLS, "unsupported protocol"),
    "tls-broken": line(Kind.TLS_BROKEN, TLS, "sslv3 alert handshake failure"),
    "tls-broken-later": line(Kind.TLS_BROKEN, DATA, "decryption failed or bad record mac"),
    "cert-expired": line(Kind.CERT_EXPIRED, TLS, "certificate has expired"),
    "cert-not-yet-valid": line(Kind.CERT_NOT_YET_VALID, TLS, "certificate is not yet valid"),
    "cert-wrong-name": line(Kind.CERT_WRONG_NAME, TLS, "Hostname mismatch"),
    "cert-self-signed": line(Kind.CERT_SELF_SIGNED, TLS, "self-signed certificate"),
    "cert-unknown-issuer": line(Kind.CERT_UNKNOWN_ISSUER, TLS, "unable to get local issuer certificate"),
    "cert-intercepted": line(Kind.CERT_UNKNOWN_ISSUER, TLS, CHAIN),
    "cert-invalid": line(Kind.CERT_INVALID, TLS, "unsuitable certificate purpose"),
    "cert-revoked": line(Kind.CERT_INVALID, TLS, "certificate revoked"),
    "cert-revocation-unknown": line(Kind.CERT_INVALID, TLS, "unable to get certificate CRL"),
    "cert-weak": [
        line(Kind.CERT_INVALID, TLS, "EE certificate key too weak"),
        line(Kind.TLS_BROKEN, TLS, "dh key too small"),
    ],
    "https-certificate": [
        line(Kind.CERT_EXPIRED, Phase.TOKEN, host="sign-in.example.org"),
        line(Kind.CERT_UNKNOWN_ISSUER, TLS, CHAIN, LOGIN, 443),
        line(Kind.CERT_WRONG_NAME, TLS, "Hostname mismatch", "microsoftgraph.chinacloudapi.cn", 443),
    ],
    "https-broken": [
        line(Kind.TLS_BROKEN, TLS, "handshake failure", GRAPH, 443),
        line(Kind.PLAIN_EXPECTED, Phase.GRAPH),
    ],
}
