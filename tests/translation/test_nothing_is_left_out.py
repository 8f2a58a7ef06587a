"""Whatever a page says was looked up in the catalogue: with a language in which every text stands in brackets, no word
stands outside them but names and data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.mail import EmailMessage
from django.db import models
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone, translation

from mailadmin import testruns
from mailadmin.console import audit, urls
from mailadmin.core.errors import MailError
from mailadmin.core.knowledge import entries
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    ConnectionTest,
    Delivery,
    IntegratedService,
    OAuthService,
    SmtpConnection,
)
from tests.fakes.smtp_server import SmtpServer
from tests.translation import pseudo
from tests.translation.extract import texts

# The same in every language: names of products and protocols, units, and the ids of knowledge entries.
NAMES = [
    "mail",
    "admin",
    "microsoft",
    "entra",
    "graph",
    "exchange",
    "office",
    "slack",
    "teams",
    "django",
    "python",
    "mailadmin",
]
NAMES += ["english", "oauth", "message-id", "ipv", "ms", "sqlite", "localhost", *(entry.id for entry in entries())]
KNOWN = frozenset(NAMES)
SAID = ["Ok: queued as", "Application Mail.Send", "Brackets"]  # by the server, by Exchange, and here
WITHOUT_ROWS = ["/sign-in/", "/password/", "/password/forgotten/", "/password/forgotten/sent/", "/nowhere/"]
FORMS = ["/smtp/new/", "/oauth/new/", "/services/new/", "/settings/", "/compose/", "/settings/alerts/new/"]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    pseudo.write(texts(), folder)
    return folder


@pytest.fixture
def in_brackets(catalogue: Path) -> Iterator[None]:
    """The site's language is that of the brackets: what the log keeps is in them, too."""
    languages = [("en-gb", "English"), (pseudo.LANGUAGE, "Brackets")]
    with (
        override_settings(LANGUAGES=languages, LANGUAGE_CODE=pseudo.LANGUAGE, LOCALE_PATHS=[catalogue]),
        override_settings(USE_THOUSAND_SEPARATOR=True),
        translation.override(pseudo.LANGUAGE),
    ):
        yield


@pytest.fixture
def rows(transactional_db: None, in_brackets: None) -> dict[str, list[models.Model]]:
    """A console in use, by the beginning of the names of their pages: routes, messages that went and that did not,
    tests, and a trail. Names and addresses hold a digit, by which they are known as data."""
    service = IntegratedService(name="S1", tenant="x1.example", client_id="3c1d22aa-86f1-41af-91ab-2d7cd011db47")
    service.set_secret("geheim-1")
    service.save()
    oauth = OAuthService.objects.create(
        name="O1", integrated_service=service, service_identity="a@x1.example", enabled=False
    )
    with SmtpServer() as good, SmtpServer({"RCPT": ["550 5.1.1 X1"] * 9}) as bad:
        smtp = _smtp("R1", good.port)
        message = EmailMessage("M1", "B1", "a@x1.example", ["b@x2.example"])
        message.attach("a1.txt", "B1", "text/plain")
        send_message(message)
        testruns.run_now(smtp.to_route(), recipient="b@x2.example")
        smtp.port = bad.port
        smtp.save()
        with pytest.raises(MailError, match="X1"):
            send_message(EmailMessage("M2", "B1", "a@x1.example", ["b@x2.example"]))
        testruns.run_now(smtp.to_route(), recipient="b@x2.example")
    send_message(EmailMessage("M3", "B1", "a@x1.example", ["b@x2.example"]), SendOptions(delivery="queued"))
    before = audit.snapshot(smtp)
    smtp.pipelining = not smtp.pipelining
    audit.record(None, "changed", smtp, audit.diff(before, audit.snapshot(smtp)), before=audit.plain(smtp))
    return {
        "smtp": [smtp],
        "oauth": [oauth],
        "service": [service],
        "log": list(Delivery.objects.all()),
        "test": list(ConnectionTest.objects.all()),
        "client": [ApiClient.objects.create(name="C1", token_start="mla_1", expires_at=timezone.now())],
        "settings-alert": [AlertChannel.objects.create(name="A1", kind="email", recipients="c@x1.example")],
    }


def _smtp(name: str, port: int) -> SmtpConnection:
    row = SmtpConnection(name=name, host="localhost", port=port, security="none", from_address="a@x1.example")
    row.full_clean()
    row.save()
    return row


@pytest.fixture
def client(rows: dict[str, list[models.Model]]) -> Client:
    user = User.objects.create_user("u1")
    user.groups.add(Group.objects.get(name="Administrator"))
    made = Client()
    made.force_login(user)
    return made


def addresses(rows: dict[str, list[models.Model]]) -> Iterator[str]:
    """Yield every address of the console, with rows where it takes some."""
    yield from WITHOUT_ROWS
    for pattern in urls.urlpatterns:
        name, wanted = str(pattern.name), list(pattern.pattern.converters)
        if not wanted:
            yield reverse(f"mailadmin:{name}")
        elif wanted == ["pk"]:
            kind = max((kind for kind in rows if name.startswith(kind)), key=len, default="")
            yield from (reverse(f"mailadmin:{name}", args=[row.pk]) for row in rows.get(kind, []))
        elif wanted == ["entry"]:
            yield from (reverse(f"mailadmin:{name}", args=[entry]) for entry in ("unknown", "credentials-refused"))


def pages(client: Client, rows: dict[str, list[models.Model]], **more: str) -> Iterator[tuple[str, str]]:
    """Yield what the console answers in HTML: its pages, and its forms with errors."""
    answers = [(address, client.get(address, headers=more)) for address in addresses(rows)]
    answers += [(f"{address} (empty)", client.post(address, {}, headers=more)) for address in FORMS]
    for address, answer in answers:
        if answer.status_code in (200, 403, 404) and answer["Content-Type"].startswith("text/html"):
            yield address, answer.content.decode()


@pytest.mark.timeout(300)
def test_no_word_of_a_page_is_left_out_and_no_figure_is_written_as_people_do(
    client: Client, rows: dict[str, list[models.Model]]
) -> None:
    seen = list(pages(client, rows))
    assert len(seen) >= 60
    left = [f"{address}: {word}" for address, page in seen for word in pseudo.left_over(page, KNOWN, SAID)]
    assert left == [], "\n".join(left)
    figures = [f"{address}: {figure}" for address, page in seen for figure in pseudo.local_numbers(page)]
    assert figures == [], "\n".join(figures)


def test_a_number_for_programs_is_found_where_it_is_written_for_people() -> None:
    page = '<rect x="1,5" width="2.5"/><a href="/log/1\u00a0234/">1,5</a><option value="3,0">3,0</option><p id="a,b">'
    assert sorted(pseudo.local_numbers(page)) == ['href="/log/1\u00a0234/"', 'option value="3,0"', 'x="1,5"']


def test_a_word_that_is_left_out_is_found() -> None:
    page = "<p title='Left out'>⟦All <b>is</b> ⟦well⟧, a@b.example⟧ SMTP 5 s <code>not this</code> but <i>this</i></p>"
    words = [found.split(" in: ")[0] for found in pseudo.left_over(page, frozenset({"but"}))]
    assert words == ["this", "Left", "out"]
