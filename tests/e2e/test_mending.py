"""A person who knows no SMTP gets from five broken set-ups to a delivered message, by doing what the page says.

The person presses the first button of the verdict, types what the form asks for by its name, presses "Test these
values", and saves what was tested. What the buttons say is read from the page.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from mailadmin.core.settings import ProxyKind
from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import ANEW, Console
from tests.fakes.certificates import authority
from tests.fakes.proxies import FakeProxy
from tests.fakes.smtp_actions import Action
from tests.fakes.smtp_server import Connection, SmtpServer

OFFICE, RELAY = "smtp.office365.com", "smtp.example.org"
USER, PASSWORD = "shop@example.org", "the-right-one-7"
TEST = "Test these values"
Picture = Callable[[Page, str], None]

# Somebody set the connection up wrongly. The network lets mail out through a proxy, which knows the servers' names.
BROKEN = """
from datetime import timedelta
from django.utils import timezone
from mailadmin.models import ConnectionTest, SmtpConnection
ConnectionTest.objects.update(started_at=timezone.now() - timedelta(minutes=2))  # a person tests at most 5 a minute
SmtpConnection.objects.filter(name="Shop").delete()
values = dict(name="Shop", host={host!r}, security="starttls", port=None, auth="password", user_name={user!r},
              from_address={user!r}, ca_pem={ca!r}, proxy_kind="http", proxy_host="127.0.0.1", proxy_port={proxy})
row = SmtpConnection(**values | {more!r})
row.set_secret({password!r})
row.save()
"""
EXPIRED = """
from datetime import timedelta
from django.utils import timezone
from mailadmin.models import ConnectionTest, IntegratedService, SandboxServer
ConnectionTest.objects.update(started_at=timezone.now() - timedelta(minutes=2))
row = IntegratedService.objects.get()
row.set_secret("the-secret-of-last-year")
row.credential_ends_on = timezone.localdate() - timedelta(days=1)
row.save()
SandboxServer.objects.update(graph_fault="secret-expired")
"""
RENEWED = "from mailadmin.models import SandboxServer; SandboxServer.objects.update(graph_fault='')"


@pytest.fixture
def page(sandboxed: Console, new_page: NewPage) -> Page:
    sandboxed.python(ANEW)
    return new_page(sandboxed)


@contextmanager
def broken(
    console: Console, server: SmtpServer, *names: str, host: str, password: str = PASSWORD, **more: object
) -> Iterator[None]:
    """Set up the connection "Shop" to `host`, as `more` has it, through a proxy that finds `server` under `names`."""
    with FakeProxy(ProxyKind.HTTP, dict.fromkeys(names, server.port)) as proxy:
        values = {"host": host, "user": USER, "ca": authority().pem, "proxy": proxy.port, "password": password}
        console.python(BROKEN.format(more=more, **values))
        yield


def relay(*names: str, **more: object) -> SmtpServer:
    """Return a server whose certificate is for `names` and who knows the shop's account."""
    return SmtpServer(identity=authority().issue(*names), users={USER: PASSWORD}, **more)  # type: ignore[arg-type]  # what the server takes


def as_microsoft(connection: Connection, initial: str) -> bool:
    """LOGIN, refused in Microsoft's words."""
    user, password = (_decoded(connection.ask(word)) for word in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"))
    fine = connection.server.users.get(user) == password
    wrong = "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [AM6PR07CA0001]"
    connection.say("235 2.7.0 Authentication successful" if fine else wrong)
    return True


def only_as(sender: str) -> Action:
    """MAIL FROM is taken for one sender alone, as Exchange Online does it."""

    def act(connection: Connection) -> bool:
        own = f"<{sender}>" in connection.session.lines[-1]
        connection.say(
            "250 2.1.0 Sender OK" if own else "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
        )
        return True

    return act


def test_n2_from_a_wrong_port(sandboxed: Console, page: Page, picture: Picture) -> None:
    """N2: port 25 is closed; the page names the one that applications use."""
    with relay(RELAY) as server, broken(sandboxed, server, f"{RELAY}:587", host=RELAY, port=25):
        pressed = mend(page, picture, "port", {"Password": PASSWORD})
        assert pressed == ["Use port 587 with STARTTLS", TEST, "Save what was tested"]
        assert len(server.messages) == 1


def test_n2_from_a_wrong_password_at_microsoft_365(sandboxed: Console, page: Page, picture: Picture) -> None:
    """N2: the answer is Microsoft's own."""
    server = relay(OFFICE, features=("AUTH LOGIN XOAUTH2",), sign_in={"LOGIN": as_microsoft})
    with server, broken(sandboxed, server, OFFICE, host=OFFICE, password="a-wrong-one"):
        pressed = mend(page, picture, "password", {"Password": PASSWORD})
        assert pressed == ["Type the password again", TEST, "Save what was tested"]
        assert len(server.messages) == 1


def test_n2_from_a_sender_that_is_not_allowed(sandboxed: Console, page: Page, picture: Picture) -> None:
    """N2: the account sends as itself."""
    with (
        relay(OFFICE, script={"MAIL": [only_as(USER)] * 9}) as server,
        broken(sandboxed, server, OFFICE, host=OFFICE, from_address="sales@example.org"),
    ):
        pressed = mend(page, picture, "sender", {})
        assert pressed == [f"Send every message from {USER}", TEST, "Save what was tested"]
        assert [delivery.sender for delivery in server.deliveries] == [USER]


def test_n2_from_a_certificate_for_another_name(sandboxed: Console, page: Page, picture: Picture) -> None:
    """N2: the server calls itself otherwise, in the same domain."""
    names = ("mail.example.org", RELAY)
    with relay("mail.example.org") as server, broken(sandboxed, server, *names, host=RELAY):
        pressed = mend(page, picture, "certificate", {"Password": PASSWORD})
        assert pressed == ["Use mail.example.org as the host", TEST, "Save what was tested"]
        assert len(server.messages) == 1


def test_n2_from_an_expired_client_secret(sandboxed: Console, page: Page, picture: Picture) -> None:
    """N2, N5: the page says where in Entra a new one is made; the service is mended and its OAuth service tested."""
    sandboxed.python(EXPIRED)
    _test_saved(page, "/oauth/", "Sandbox Office 365")
    _ended(page, well=False)
    picture(page, "mending-secret-1-failed")
    assert _press_first(page) == "Type a new client secret"
    expect(page.locator(".proposal")).to_contain_text("Certificates & secrets, New client secret")
    sandboxed.python(RENEWED)  # which happens in Entra
    secret = sandboxed.sandbox()["credentials"]["client_secret"]
    _fill(page, {"Client secret": secret, "Client secret ends on": "2099-12-31"})
    picture(page, "mending-secret-2-form")
    page.get_by_role("button", name=TEST).first.click()
    _ended(page, well=True)
    assert _press_first(page) == "Save what was tested"
    page.get_by_role("link", name="Now test “Sandbox Office 365”").click()
    page.get_by_role("button", name="Test Connection").click()
    _ended(page, well=True)
    picture(page, "mending-secret-3-delivered")
    assert any(via == "Graph" and said.startswith("Test of Sandbox Office 365 (") for via, said in steps.inbox(page))


def mend(page: Page, picture: Picture, name: str, knows: Mapping[str, str]) -> list[str]:
    """Test the connection "Shop", follow the page until a test ends well and is saved, and return what was pressed.
    `knows` is what the person can type, by the names of the fields."""
    pressed: list[str] = []
    _test_saved(page, "/smtp/", "Shop")
    _ended(page, well=False)
    picture(page, f"mending-{name}-1-failed")
    pressed.append(_press_first(page))
    _fill(page, knows)
    picture(page, f"mending-{name}-2-form")
    pressed.append(_press(page.locator(".proposal").get_by_role("button").first))
    _ended(page, well=True)
    picture(page, f"mending-{name}-3-passed")
    pressed.append(_press_first(page))
    expect(page.get_by_role("status")).to_contain_text("“Shop” is saved")
    return pressed


def _test_saved(page: Page, path: str, name: str) -> None:
    page.goto(path)
    page.get_by_role("button", name=f"Test {name}").click()


def _ended(page: Page, well: bool) -> None:
    """Wait for the end of the test; it went well, or says what to do."""
    steps.finished_test(page)
    expect(page.locator("#run > .banner")).to_have_class("banner banner-success" if well else "banner banner-error")


def _press_first(page: Page) -> str:
    """Press the first button in the verdict and return its words."""
    return _press(page.locator("#run > .banner .button").first)


def _press(button: Locator) -> str:
    words = button.inner_text().strip()
    button.click()
    return words


def _fill(page: Page, knows: Mapping[str, str]) -> None:
    """Type what the page asks for, where its links lead; there is nothing that the person does not know."""
    for link in page.locator(".wanted a").all():
        page.locator(link.get_attribute("href") or "").fill(knows[link.inner_text()])


def _decoded(line: str) -> str:
    return base64.b64decode(line).decode()
