"""What can be wrong in our own settings, told before anything is dialled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    Credential,
    CredentialKind,
    EntraApp,
    Proxy,
    ProxyKind,
    Security,
    SmtpAuth,
    TlsSettings,
)
from mailadmin.core.terms import Owner
from tests.fakes import certificates
from tests.fakes.entra import certificate_credential, rsa_identity
from tests.fakes.graph_server import free_port
from tests.fakes.routes import entra_app, oauth_route
from tests.fakes.smtp_routes import with_password

from .row import ADMIN, NEXT, YOU, Row, Stage
from .stages import MAIL, graph_ladder, token, unasked, unserved


def _unreadable() -> str:
    """Fail as the key ring does for a secret of another key."""
    raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_UNREADABLE, "The stored secret was encrypted with another key."))


def _smtp(what: str, entry: str, owner: Owner = YOU, **changes: Any) -> Row:
    stage = unserved(lambda: with_password(587, **({"host": MAIL} | changes)))
    return Row(what, "", "settings", entry, owner, NEXT, stage)


def connections() -> Iterator[Row]:
    """Yield what an SMTP connection may lack."""
    ours, other = certificates.authority().issue("ours"), certificates.authority().issue("other")
    yield _smtp("No host", "host-missing", host="")
    yield _smtp("No user name", "credentials-incomplete", user="")
    yield _smtp("No password", "secret-missing", password=None)
    yield _smtp("The stored password cannot be decrypted", "secret-unreadable", password=Secret(_unreadable))
    yield _smtp("A tab in the user name", "credentials-control-character", user="anna\t")
    yield _smtp("A line break in the password", "credentials-control-character", password=Secret("geheim\n"))
    yield _smtp("The own CA is no certificate", "ca-unreadable", tls=TlsSettings(ca_pem="nonsense"))
    yield _smtp("XOAUTH2 without an integrated service", "integrated-service-missing", auth=SmtpAuth.XOAUTH2)
    yield _smtp("A sign-in by certificate without one", "client-certificate-bad", auth=SmtpAuth.CERTIFICATE)
    mixed = replace(ours.client, key=Secret(other.key))
    yield _smtp("The key belongs to another certificate", "client-certificate-bad", client=mixed, security=Security.TLS)
    plain: dict[str, Any] = {"auth": SmtpAuth.CERTIFICATE, "client": ours.client, "security": Security.NONE}
    yield _smtp("A sign-in by certificate without encryption", "client-certificate-needs-tls", **plain)
    proxy = Proxy(ProxyKind.SOCKS5, "proxy.example.org", 1080, "anna")
    yield _smtp("No password for the proxy", "secret-missing", proxy=proxy)


def services() -> Iterator[Row]:
    """Yield what an OAuth service may lack."""
    app = entra_app(f"localhost:{free_port()}", "")
    nowhere = replace(app, cloud=replace(app.cloud, graph_host="a/b"))
    for what, entry, route in (
        ("An OAuth service without an integrated service", "integrated-service-missing", oauth_route(None)),
        ("No service identity", "identity-missing", oauth_route(app, identity=" ")),
        ("No tenant", "tenant-missing", oauth_route(replace(app, tenant=""))),
        ("No client id", "client-id-missing", oauth_route(replace(app, client_id=""))),
        ("No client secret", "client-secret-missing", oauth_route(replace(app, credential=Credential()))),
        ("A Graph host that is none", "host-missing", oauth_route(nowhere)),
    ):
        yield Row(what, "", "settings", entry, YOU, NEXT, partial(graph_ladder, route))


def credentials() -> Iterator[Row]:
    """Yield what may be wrong with the credential of an app."""

    def at_token(what: str, entry: str, owner: Owner, stage: Stage) -> Row:
        return Row(what, "", "token", entry, owner, NEXT, stage)

    yield at_token("The app's key belongs to another certificate", "credential-bad", YOU, token(credential=_mixed))
    yield at_token("The certificate of the app has ended", "credential-ended", ADMIN, token(credential=_over))
    machine = partial(_app, Credential(CredentialKind.MANAGED_IDENTITY, version="1"))
    yield at_token("A managed identity that may not be used", "identity-unavailable", YOU, unasked(machine))
    unreadable = partial(_app, Credential(secret=Secret(_unreadable)))
    what = "The stored client secret cannot be decrypted"
    yield Row(what, "", "settings", "client-secret-unreadable", YOU, NEXT, unasked(unreadable))


def _app(credential: Credential) -> EntraApp:
    return entra_app(f"localhost:{free_port()}", "", credential=credential)


def _mixed() -> Credential:
    return replace(certificate_credential(rsa_identity()), certificate=rsa_identity(bits=3072).certificate)


def _over() -> Credential:
    past = rsa_identity(starts=-timedelta(days=9), ends=-timedelta(days=2))
    return replace(certificate_credential(past), ends_on=datetime.now(UTC).date() - timedelta(days=2))
