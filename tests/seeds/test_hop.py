"""Apache Hop, "Mail server connection": every option, with a real server and real proxies (S7-S11).

Of the protocols Hop itself supports SMTP alone; IMAP, POP and MBOX belong to inbound mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

import mailadmin
from mailadmin.models import IntegratedService, SmtpConnection
from tests.fakes.graph_server import TENANT, Microsoft, Says, token_body
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    letter,
    nothing_arrives,
    refused,
    somebody,
    typed,
)
from tests.services import dovecot, proxies
from tests.services.mails import PASSWORD, USER
from tests.services.postfix import Postfix
from tests.services.processes import require
from tests.services.proxies import RunningProxy, running_dante, running_tinyproxy

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
    "Connection name": "test_connection_name",
    "Connection protocol: SMTP": "test_connection_protocol",
    "Server host": "test_server_host",
    "Server port": "test_server_port",
    "Use authentication?": "test_use_authentication",
    "User XOAuth2?": "test_use_xoauth2",
    "Username": "test_username_and_password",
    "Password": "test_username_and_password",
    "Use secure authentication?": "test_use_secure_authentication",
    "Secure authentication type": "test_secure_authentication_type",
    "Secure authentication type: a server that is too old for it": "test_a_server_that_is_too_old",
    "Check server identity?": "test_check_server_identity",
    "Trusted hosts": "test_trusted_hosts",
    "Use proxy?": "test_proxy_with_user_name_and_password",
    "Proxy username": "test_proxy_with_user_name_and_password",
    "Proxy password": "test_proxy_with_user_name_and_password",
    "Proxy password: wrong or missing": "test_wrong_proxy_password",
}


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


def arrives(postfix: Postfix, subject: str = "Hello") -> str:
    """Send a message, and return how the server got it."""
    ben = somebody()
    assert mailadmin.send(subject, "x", USER, ben).sent
    return came_by(letter(postfix, ben))


def test_connection_name(postfix: Postfix) -> None:
    """By it the connection is asked for, and named in the log."""
    connection(postfix, name="Relay für Köln")
    ben = somebody()
    assert mailadmin.send("Name", "x", USER, ben, route="relay FÜR köln").route == "Relay für Köln"
    assert letter(postfix, ben)["Subject"] == "Name"
    with pytest.raises(ValidationError, match="“Relay für Köln” exists already"):
        SmtpConnection(name="Relay für köln", host="localhost").full_clean()
    assert typed(name="")["name"].startswith("Give it a name")


def test_connection_protocol(postfix: Postfix) -> None:
    row = connection(postfix, "plain")
    assert row.kind == "smtp"
    assert arrives(postfix) == "ESMTP"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_server_host(postfix: Postfix, host: str) -> None:
    connection(postfix, host=host)
    assert arrives(postfix) == "ESMTPSA"


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_server_port(postfix: Postfix, way: str) -> None:
    connection(postfix, way, port=postfix.ports[way])
    assert arrives(postfix) == ("ESMTP" if way == "plain" else "ESMTPSA")


@pytest.mark.parametrize(("auth", "came"), [("password", "ESMTPSA"), ("none", "ESMTPS")])
def test_use_authentication(postfix: Postfix, auth: str, came: str) -> None:
    connection(postfix, host=postfix.address, port=587, auth=auth)
    assert arrives(postfix) == came


@pytest.mark.skipif(
    bool(dovecot.version()) and "XOAUTH2" not in dovecot.mechanisms(),
    reason="Dovecot 2.4 checks tokens in a way that the tests do not set up",
)
def test_use_xoauth2(postfix: Postfix) -> None:
    """The integrated service gives the token, Dovecot checks it; one that has ended is refused."""
    with Microsoft(Says(202)) as entra:
        entra._answers["token"] = [Says(200, token_body(postfix.dovecot.token(USER)))]
        connection(postfix, "xoauth2", auth="xoauth2", user_name=USER, integrated_service=an_app(entra))
        assert arrives(postfix) == "ESMTPSA"
        SmtpConnection.objects.all().delete()
        entra._answers["token"] = [Says(200, token_body(postfix.dovecot.token(USER, seconds=-60)))]
        connection(postfix, "xoauth2", auth="xoauth2", user_name=USER, integrated_service=an_app(entra))
        with nothing_arrives(postfix), pytest.raises(mailadmin.MailError) as caught:
            mailadmin.send("x", "x", USER, somebody())
    assert caught.value.fault.smtp_code == 535


def an_app(entra: Microsoft) -> IntegratedService:
    number = str(uuid4())  # its own: tokens are kept
    row = IntegratedService(
        name=f"App {number}",
        cloud="custom",
        authority_host=entra.host,
        graph_host=entra.host,
        mail_hosts="localhost",
        ca_pem=entra.ca_pem,
        tenant=TENANT,
        client_id=number,
    )
    row.set_secret("client-secret-1")
    row.full_clean()
    row.save()
    return row


def test_username_and_password(postfix: Postfix) -> None:
    row = connection(postfix)
    assert arrives(postfix) == "ESMTPSA"
    assert PASSWORD not in repr(SmtpConnection.objects.values())
    row.set_secret("falsch-2")
    row.save()
    with refused(postfix, "credentials-refused", "Sign-in was refused by localhost."):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize(
    ("way", "security", "came"),
    [("starttls", "starttls", "ESMTPSA"), ("tls", "tls", "ESMTPSA"), ("plain", "none", "ESMTP")],
)
def test_use_secure_authentication(postfix: Postfix, way: str, security: str, came: str) -> None:
    connection(postfix, way, security=security)
    assert arrives(postfix) == came


@pytest.mark.parametrize(
    ("way", "security", "oldest", "spoken"),
    [
        ("tls", "tls", "1.2", "TLSv1.3"),  # "SSL": from the start
        ("starttls", "starttls", "1.2", "TLSv1.3"),  # "TLS": after STARTTLS
        ("tls_1_2", "starttls", "1.2", "TLSv1.2"),  # "TLS1.2"
        ("starttls", "starttls", "1.3", "TLSv1.3"),
    ],
)
def test_secure_authentication_type(postfix: Postfix, way: str, security: str, oldest: str, spoken: str) -> None:
    """S9: SSL, TLS and TLS 1.2, as the server tells what was spoken."""
    connection(postfix, way, security=security, tls_minimum=oldest)
    ben = somebody()
    mailadmin.send("TLS", "x", USER, ben)
    assert f"(using {spoken} with cipher" in letter(postfix, ben)["Received"]


def test_a_server_that_is_too_old(postfix: Postfix) -> None:
    connection(postfix, "tls_1_2", tls_minimum="1.3")
    with refused(postfix, "tls-too-old"):
        mailadmin.send("x", "x", USER, somebody())
    assert "1.1" in typed(tls_minimum="1.1")["tls_minimum"], "what is older is refused on purpose"


def test_check_server_identity(postfix: Postfix) -> None:
    """The server's certificate is for another name."""
    row = connection(postfix, "wrong_name")
    with refused(postfix, "cert-wrong-name", "The certificate of localhost is for another name."):
        mailadmin.send("x", "x", USER, somebody())
    row.delete()
    connection(postfix, "wrong_name", check_identity=False)
    assert arrives(postfix) == "ESMTPSA"


@pytest.mark.parametrize(
    ("trusted", "good"),
    [
        ("mail.example.org", True),
        ("host1 mail.example.org host3", True),  # separated by spaces, as in the document
        ("host1 host2 host3", False),
    ],
)
def test_trusted_hosts(postfix: Postfix, trusted: str, good: bool) -> None:
    connection(postfix, "wrong_name", trusted_hosts=trusted)
    if good:
        assert arrives(postfix) == "ESMTPSA"
    else:
        with refused(postfix, "cert-wrong-name"):
            mailadmin.send("x", "x", USER, somebody())


# -- the proxy -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["tinyproxy", "dante"])
def proxy(request: pytest.FixtureRequest) -> Iterator[RunningProxy]:
    """A proxy that asks for a user name and a password: HTTP CONNECT, and SOCKS5."""
    if request.param == "tinyproxy":
        require("tinyproxy", library="libnss_wrapper.so")
        with running_tinyproxy(signed_in=True) as server:
            yield server
    else:
        require("danted", "openssl", root=True, library="libnss_wrapper.so")
        with running_dante(signed_in=True) as server:
            yield server


def behind(postfix: Postfix, proxy: RunningProxy, password: str, **values: Any) -> SmtpConnection:
    """Save a connection to a server whose name only the proxy knows."""
    by = {"proxy_kind": proxy.kind, "proxy_host": "127.0.0.1", "proxy_port": proxy.port, "proxy_user": proxies.USER}
    row = connection(postfix, "wrong_name", host=proxies.INSIDE, **by | values)
    if password:
        row.proxy_password.set(password)
        row.save()
    return row


def test_proxy_with_user_name_and_password(postfix: Postfix, proxy: RunningProxy) -> None:
    behind(postfix, proxy, proxies.PASSWORD)
    assert arrives(postfix) == "ESMTPSA"
    assert proxies.PASSWORD not in repr(SmtpConnection.objects.values())


@pytest.mark.parametrize(("password", "user"), [("falsch-2", proxies.USER), ("", "")])
def test_wrong_proxy_password(postfix: Postfix, proxy: RunningProxy, password: str, user: str) -> None:
    behind(postfix, proxy, password, proxy_user=user)
    with refused(postfix, "proxy-sign-in"):
        mailadmin.send("x", "x", USER, somebody())
