"""What "the same destination" means: a stored secret goes nowhere else.

When any part of the tuple changes, on save and on test, in the form, the API and `apply`, the stored
secret or reference is dropped and must be typed again (ASVS 13.3.2).
"""

from __future__ import annotations

from .settings import ClientCertificate, CredentialKind, EntraApp, Proxy, SmtpRoute

Destination = tuple[object, ...]


def smtp_destination(route: SmtpRoute) -> Destination:
    """Return everything that decides where, and how safely, the password of `route` travels."""
    return (
        "smtp",
        route.host.lower(),
        route.effective_port,
        route.security,
        route.tls.minimum,
        _same_text(route.tls.ca_pem),
        route.tls.check_identity,
        tuple(sorted(host.lower() for host in route.tls.trusted_hosts)),
        route.auth,
        route.domain,
        route.user,
        *proxy_destination(route.proxy),  # last: without a proxy the tuple is the one of older versions
    )


def entra_destination(app: EntraApp) -> Destination:
    """Return everything that decides where the secret of `app`, and tokens got with it, may travel."""
    return (
        "entra",
        app.cloud.name,
        app.cloud.authority_host.lower(),
        app.cloud.graph_host.lower(),
        tuple(sorted(host.lower() for host in app.cloud.mail_hosts)),
        _same_text(app.cloud.ca_pem),
        app.tenant.lower(),
        app.client_id.lower(),
        *proxy_destination(app.proxy),
    )


def credential_destination(app: EntraApp, kind: CredentialKind, certificate: str) -> Destination:
    """Return everything that decides where a credential of `app` may travel, or what it may sign: a private key
    belongs to its `certificate`, and none serves in place of another kind."""
    where = entra_destination(app)
    return where if kind is CredentialKind.SECRET else ("credential", kind, _same_text(certificate), *where)


def proxy_destination(proxy: Proxy | None) -> Destination:
    """Return everything that decides where the password of `proxy` travels; () without a proxy."""
    return (proxy.kind, proxy.host.lower(), proxy.port, proxy.user) if proxy else ()


def client_key_destination(client: ClientCertificate | None) -> Destination:
    """Return what a client's private key belongs to: it never travels, and proves the certificate's name."""
    return ("client-key", _same_text(client.pem) if client else "")


def _same_text(pem: str) -> str:
    """Return a certificate without what a browser's text area changes: its line ends."""
    return "\n".join(pem.split())
