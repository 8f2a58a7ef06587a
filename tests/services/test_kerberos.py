"""Signing in by the Kerberos ticket of this process: a realm of our own, Dovecot and Postfix.

The Python libraries (gssapi, krb5) exist as sources only, which need a compiler and the headers of Kerberos: they
cannot be among the pinned packages. So these tests run where somebody installed `mailadmin[kerberos]`, and Debian's
krb5-kdc, krb5-admin-server, krb5-user and dovecot-gssapi; they are no part of what must not be skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailadmin.core.fault import Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.services import kerberos, postfix
from tests.services.kerberos import Realm, running_realm
from tests.services.mails import as_stored, error_of, message, opened, route
from tests.services.postfix import Postfix, running_postfix
from tests.services.processes import program, require, short_folder

pytestmark = [pytest.mark.service("kerberos")]


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    for library in ("gssapi", "krb5"):
        pytest.importorskip(library)
    module = Path("/usr/lib/dovecot/modules/auth/libmech_gssapi.so")
    if missing := [name for name in (*kerberos.NEEDS, str(module)) if not (program(name) or Path(name).exists())]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    require(*postfix.NEEDS, root=True)
    with short_folder() as folder, running_realm(folder / "krb5") as realm:
        yield realm


@pytest.fixture(scope="module")
def server(realm: Realm) -> Iterator[Postfix]:
    with running_postfix(realm) as server:
        yield server


@pytest.fixture(autouse=True)
def at_home(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process belong to the realm."""
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)


def by_ticket(server: Postfix) -> SmtpRoute:
    return route(server.ports["starttls"], Security.STARTTLS, auth=SmtpAuth.GSSAPI)


def test_s20_the_ticket_of_this_process_signs_in(
    server: Postfix, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", realm.tickets)
    session = SmtpSession(by_ticket(server), NetworkPolicy())
    session.start()
    session.quit()
    assert session.mechanism == "GSSAPI"
    mail = message()
    with opened(by_ticket(server)) as transport:
        transport.send(mail)
    assert server.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))


def test_s20_a_process_without_a_ticket_is_told_so(
    server: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/nothing")
    error = error_of(by_ticket(server))
    assert (error.fault.phase, error.fault.kind) == (Phase.AUTH, Kind.TICKET_MISSING)
    assert error.explanation.health is Health.TRIP  # somebody renews it, and all is well again


def test_s20_a_server_that_the_realm_does_not_know_is_told(
    server: Postfix, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", realm.tickets)
    stranger = route(server.ports["starttls"], Security.STARTTLS, auth=SmtpAuth.GSSAPI, host="127.0.0.1")
    fault = error_of(stranger).fault
    assert (fault.phase, fault.kind) == (Phase.AUTH, Kind.TICKET_MISSING)
