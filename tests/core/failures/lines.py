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
PROXY = Phase.PROXY
SQUID = "proxy.example.org:3128"
ISSUED = "unable to get local issuer certificate; the certificate was issued to mail.example.org for mail.example.org"
CHAIN = "self-signed certificate in certificate chain"

FAILURES: dict[str, Fault | list[Fault]] = {
    # our own settings and the message
    "maybe-delivered": Fault(Phase.TCP, Kind.CLOSED, host=HOST, maybe_sent=True),
    "no-route": ours(Kind.NO_ROUTE),
    "settings-unreadable": ours(Kind.NO_ROUTE, "The mail settings cannot be read from the database (no answer)."),
    "route-resting": ours(Kind.ROUTE_RESTING, "“Relay A” failed at 12:01 and is tried again at 12:02."),
    "route-paused": ours(Kind.ROUTE_PAUSED, "“Relay A” was paused by anna at 12:01."),
    "sending-held": ours(Kind.SENDING_HELD, "anna switched sending off on 21 Nov 2026."),
    "queue-unavailable": ours(Kind.QUEUE_UNAVAILABLE, "disk full"),
    "key-reused": ours(Kind.KEY_REUSED, "The key “order-4711” was given with “Your order”.", Phase.MESSAGE),
    "bad-option": ours(Kind.BAD_OPTION, "“pigeon” is no way of delivery.", Phase.MESSAGE),
    "bad-priority": ours(Kind.BAD_PRIORITY, "“soon” is no priority.", Phase.MESSAGE),
    "bad-body-format": ours(Kind.BAD_BODY_FORMAT, "“richtext” is no format of an e-mail.", Phase.MESSAGE),
    "bad-time": ours(Kind.BAD_TIME, "The message expires before it could be sent.", Phase.MESSAGE),
    "bad-metadata": ours(Kind.BAD_METADATA, "The value of “order” is no text.", Phase.MESSAGE),
    "route-unknown": ours(Kind.ROUTE_UNKNOWN, "There is no “Relay Z”.", Phase.MESSAGE),
    "given-up": ours(Kind.GIVEN_UP, "48 hours and 37 tries."),
    "claim-lost": ours(Kind.CLAIM_LOST),
    "worker-ended": Fault(Phase.DATA, Kind.WORKER_ENDED, maybe_sent=True),
    "content-lost": ours(Kind.CONTENT_LOST, "The stored secret was encrypted with key 0a1b2c3d."),
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
        ours(
            Kind.ROUTE_INCOMPLETE,
            "HTTPS_PROXY must name an HTTP or SOCKS5 proxy, such as http://proxy.example.org:3128.",
        ),
        ours(
            Kind.ROUTE_INCOMPLETE,
            "The CA bundle that the environment names in SSL_CERT_FILE cannot be read.",
        ),
    ],
    "credentials-control-character": [
        ours(Kind.ROUTE_INCOMPLETE, "The user name holds a control character, such as a tab."),
        ours(Kind.ROUTE_INCOMPLETE, "The password holds a control character, such as a line break."),
    ],
    "client-certificate-needs-tls": ours(
        Kind.ROUTE_INCOMPLETE,
        "A client certificate signs in only over TLS, and this connection is set to no encryption.",
    ),
    "client-certificate-bad": [
        ours(Kind.CLIENT_CERTIFICATE_BAD, "The client certificate is missing."),
        ours(Kind.CLIENT_CERTIFICATE_BAD, "Our own certificate cannot be loaded (key values mismatch)."),
    ],
    "library-missing": [
        ours(Kind.LIBRARY_MISSING, 'SCRAM needs a library that is not installed: pip install "mailadmin[scram]".'),
        ours(Kind.LIBRARY_MISSING, 'NTLM needs a library that is not installed: pip install "mailadmin[ntlm]".', AUTH),
    ],
    "ticket-missing": line(
        Kind.TICKET_MISSING,
        AUTH,
        "SpnegoError (7): Major (458752): No credentials were supplied, or the credentials were unavailable or "
        "inaccessible, Minor (2529639053): No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)",
    ),
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
    "token-trust-refused": ours(Kind.TOKEN_TRUST_REFUSED, phase=AUTH),
    "token-audience": ours(Kind.TOKEN_AUDIENCE, phase=Phase.TOKEN),
    "permission-wide": ours(Kind.PERMISSION_WIDE, phase=Phase.TOKEN),
    "credential-bad": ours(Kind.CREDENTIAL_BAD, "The private key does not belong to the certificate.", Phase.TOKEN),
    "credential-ended": ours(Kind.CREDENTIAL_ENDED, "The certificate ended on 3 Nov 2026.", Phase.TOKEN),
    "identity-unavailable": ours(Kind.IDENTITY_UNAVAILABLE, phase=Phase.TOKEN),
    "large-not-allowed": ours(Kind.LARGE_NOT_ALLOWED, phase=Phase.MESSAGE),
    "not-carried": ours(Kind.NOT_CARRIED, phase=Phase.MESSAGE),
    "paced": ours(Kind.PACED, "The next turn of no-reply@contoso.example comes in 40 seconds.", Phase.GRAPH),
    "pause-kept": ours(Kind.PACED, "Microsoft asked for a pause, which ends in 30 seconds.", Phase.GRAPH),
    "rate-kept": ours(Kind.PACED, "Its next turn comes in 40 seconds.", Phase.MESSAGE),
    "requests-taken": ours(Kind.BUSY, phase=Phase.GRAPH),
    "upload-broken": ours(Kind.UPLOAD_BROKEN, "“report.pdf”: Graph answered: HTTP 404.", Phase.GRAPH),
    "draft-refused": ours(Kind.DRAFT_REFUSED, "Graph answered: HTTP 403, ErrorAccessDenied.", Phase.GRAPH),
    "address-refused": line(Kind.ADDRESS_REFUSED, Phase.DNS, "169.254.169.254 is a link-local address."),
    "port-refused": line(Kind.PORT_REFUSED, Phase.DNS),
    "bad-address": ours(Kind.BAD_ADDRESS, "“ada” is not an e-mail address.", Phase.MESSAGE),
    "entry-empty": ours(Kind.ENTRY_EMPTY, "To: Entry 2 is empty.", Phase.MESSAGE),
    "from-empty": ours(Kind.FROM_EMPTY, phase=Phase.MESSAGE),
    "recipients-too-many": ours(Kind.RECIPIENTS_TOO_MANY, "It has 1001; at most 1000 fit.", Phase.MESSAGE),
    "bad-header": ours(Kind.BAD_HEADER, "The subject holds a line break.", Phase.MESSAGE),
    "no-recipients": ours(Kind.NO_RECIPIENTS, phase=Phase.MESSAGE),
    "no-sender": ours(Kind.NO_SENDER, phase=Phase.MESSAGE),
    "bad-message": ours(Kind.BAD_MESSAGE, "The body is not text.", Phase.MESSAGE),
    "attachment-missing": [
        ours(Kind.FILE_MISSING, "There is no file report.pdf.", Phase.MESSAGE),
        ours(Kind.BAD_MESSAGE, "[Errno 2] No such file or directory: 'report.pdf'", Phase.MESSAGE),
    ],
    "attachment-unreadable": [
        ours(Kind.FILE_UNREADABLE, "report.pdf: Permission denied", Phase.MESSAGE),
        ours(Kind.BAD_MESSAGE, "[Errno 13] Permission denied: 'report.pdf'", Phase.MESSAGE),
    ],
    "file-is-folder": ours(Kind.FILE_IS_FOLDER, "/srv/reports is a folder.", Phase.MESSAGE),
    "attachment-bad": ours(Kind.ATTACHMENT_BAD, "A number cannot be attached.", Phase.MESSAGE),
    "attachment-empty": ours(Kind.ATTACHMENT_EMPTY, "“report.pdf” has no content.", Phase.MESSAGE),
    "attachments-too-many": ours(Kind.ATTACHMENTS_TOO_MANY, "It has 101; at most 100 fit.", Phase.MESSAGE),
    "attachments-too-large": ours(Kind.ATTACHMENTS_TOO_LARGE, "With “film.mkv” they have over 150 MB.", Phase.MESSAGE),
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
    "tcp-timeout": line(Kind.TCP_TIMEOUT),
    "tcp-local": line(Kind.TCP_LOCAL, text="Cannot assign requested address"),
    "closed": [line(Kind.CLOSED, SENDER), line(Kind.CLOSED, DATA), line(Kind.CLOSED, Phase.GRAPH, host=GRAPH)],
    "timeout": [line(Kind.TIMEOUT, RECIPIENT), line(Kind.TIMEOUT, Phase.TOKEN, host=LOGIN)],
    "dns-no-family": line(Kind.DNS_NOT_FOUND, Phase.DNS, "The name has no IPv6 address, and no other is to be used."),
    # a proxy in between
    "proxy-unreachable": [
        line(Kind.PROXY_UNREACHABLE, PROXY, f"The proxy {SQUID} cannot be reached: 192.0.2.7: Connection refused"),
        line(Kind.PROXY_UNREACHABLE, PROXY, f"The proxy {SQUID} did not answer in time.", GRAPH, 443),
    ],
    "proxy-sign-in": [
        line(Kind.PROXY_SIGN_IN, PROXY, f"The proxy {SQUID} answered: HTTP/1.1 407 Proxy Authentication Required"),
        line(Kind.PROXY_SIGN_IN, PROXY, f"The proxy {SQUID} refused the user name or the password."),
    ],
    "proxy-refused": line(Kind.PROXY_REFUSED, PROXY, f"The proxy {SQUID} answered: HTTP/1.0 403 Access violation"),
    "proxy-target": [
        line(
            Kind.PROXY_TARGET,
            PROXY,
            f"The proxy {SQUID} answered: HTTP/1.1 503 Service Unavailable (ERR_DNS_FAIL 0)",
        ),
        line(Kind.PROXY_TARGET, PROXY, f"The proxy {SQUID} finds the server's network unreachable."),
    ],
    "proxy-answer": line(Kind.PROXY_ANSWER, PROXY, f"The proxy {SQUID} did not answer as a SOCKS5 proxy does."),
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
    "tls-broken": line(Kind.TLS_BROKEN, TLS, "tlsv1 alert internal error"),
    "tls-no-cipher": [
        line(Kind.TLS_BROKEN, TLS, "sslv3 alert handshake failure"),
        line(Kind.TLS_BROKEN, TLS, "tlsv1 unrecognized name"),
    ],
    "tls-lost": [line(Kind.CLOSED, TLS), line(Kind.TIMEOUT, TLS)],
    "tls-broken-later": line(Kind.TLS_BROKEN, DATA, "decryption failed or bad record mac"),
    "cert-expired": line(Kind.CERT_EXPIRED, TLS, "certificate has expired"),
    "cert-not-yet-valid": line(Kind.CERT_NOT_YET_VALID, TLS, "certificate is not yet valid"),
    "cert-wrong-name": line(Kind.CERT_WRONG_NAME, TLS, "Hostname mismatch"),
    "cert-self-signed": line(Kind.CERT_SELF_SIGNED, TLS, "self-signed certificate"),
    "cert-unknown-issuer": line(Kind.CERT_UNKNOWN_ISSUER, TLS, "unable to get local issuer certificate"),
    "cert-chain-incomplete": [
        line(Kind.CERT_UNKNOWN_ISSUER, TLS, f"{ISSUED} by {issuer}, ends on 3 Nov 2027.")
        for issuer in (
            "R11 (Let's Encrypt)",
            "Sectigo RSA Domain Validation Secure Server CA (Sectigo Limited)",
            "DigiCert TLS RSA SHA256 2020 CA1 (DigiCert Inc)",
            "Go Daddy Secure Certificate Authority - G2 (GoDaddy.com, Inc.)",
        )
    ],
    "cert-intercepted": [
        line(Kind.CERT_UNKNOWN_ISSUER, TLS, CHAIN),
        *(
            line(Kind.CERT_UNKNOWN_ISSUER, TLS, f"{ISSUED} by {issuer}, ends on 3 Nov 2027.")
            for issuer in (
                "Avast Web/Mail Shield Root",
                "AVG Web/Mail Shield Root (AVG Technologies)",
                "Kaspersky Anti-Virus Personal Root Certificate (AO Kaspersky Lab)",
                "ESET SSL Filter CA (ESET, spol. s r. o.)",
                "Bitdefender Personal CA.Net-Defender (Bitdefender)",
                "Norton Web/Mail Shield Root",
                "Zscaler Intermediate Root CA (zscaler.net) (Zscaler Inc.)",
                "FG100D3G12345678 (Fortinet)",
                "Sophos SSL CA_C01001ABCDEF123 (Sophos)",
                "ca.example.goskope.com",
                "Cisco Umbrella Primary SubCA (Cisco)",
            )
        ),
    ],
    "cert-invalid": line(Kind.CERT_INVALID, TLS, "unsuitable certificate purpose"),
    "cert-revoked": line(Kind.CERT_REVOKED, TLS, "The certificate was revoked on 3 Nov 2026 (reason: key compromise)."),
    "crl-unavailable": line(
        Kind.CRL_UNAVAILABLE, TLS, "The list at http://crl.example.org/1.crl is not to be had: the answer was HTTP 404."
    ),
    "crl-missing": line(
        Kind.CRL_UNAVAILABLE, TLS, "The certificate names no revocation list that can be fetched by http or https."
    ),
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
