"""N4: the page “Why this route?” and its command."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from mailadmin.delivery import routes
from mailadmin.models import AuditEntry, Delivery, OAuthService, SmtpConnection

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    routes.forget()
    yield
    routes.forget()


def ask(client: Client, **question: str) -> str:
    response = client.get("/why/", question)
    assert response.status_code == 200
    return response.content.decode()


def command(*args: str) -> str:
    out = StringIO()
    call_command("mailadmin_why", *args, stdout=out)
    return out.getvalue()


def test_n4_the_page_shows_each_route_with_its_verdict_and_reason(
    viewer_client: Client, oauth: OAuthService, smtp: SmtpConnection
) -> None:
    page = ask(viewer_client, sender="shop@contoso.org", to="ann@example.net, ben@example.net", size="25 MB")
    assert "“Relay A” would be tried first" in page
    assert "Left out" in page and "Tried first" in page and "uploads are not switched on" in page
    assert not Delivery.objects.exists() and not AuditEntry.objects.exists()


def test_an_empty_question_is_about_an_ordinary_message(viewer_client: Client, smtp: SmtpConnection) -> None:
    assert "DEFAULT_FROM_EMAIL" in ask(viewer_client)


def test_without_any_route_the_page_teaches_the_next_step(viewer_client: Client) -> None:
    page = ask(viewer_client)
    assert "There is no route yet" in page
    assert "mailadmin console" not in page, "the reader is in it, and the empty card says what to do"


@pytest.mark.parametrize(
    ("question", "told"),
    [({"sender": "a@b@c"}, "a@b@c"), ({"to": "@"}, "To"), ({"size": "big"}, "25 MB"), ({"delivery": "x"}, "Delivery")],
)
def test_a_mistake_is_told_at_its_field(
    viewer_client: Client, smtp: SmtpConnection, question: dict[str, str], told: str
) -> None:
    page = ask(viewer_client, **question)
    assert "nothing was looked up" in page and told in page


def test_what_was_typed_is_escaped(viewer_client: Client, smtp: SmtpConnection) -> None:
    assert "<script>" not in ask(viewer_client, label="<script>x</script>")


def test_only_who_may_see_the_log_may_ask(nobody_client: Client, client: Client) -> None:
    assert nobody_client.get("/why/").status_code == 403
    assert client.get("/why/").status_code == 302


def test_p11_the_command_tells_the_same(oauth: OAuthService, smtp: SmtpConnection) -> None:
    text = command("--from", "shop@contoso.org", "--to", "ann@example.net")
    assert "1. Contoso 365 (oauth): Tried first" in text and "2. Relay A (smtp): Tried next" in text
    found = json.loads(command("--size", "25MB", "--json"))
    assert [line["name"] for line in found["lines"]] == ["Relay A", "Contoso 365"] and found["leaves"] is True


def test_p11_the_exit_code_tells_that_nothing_would_leave(smtp: SmtpConnection) -> None:
    SmtpConnection.objects.update(enabled=False)
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 1
    with pytest.raises(CommandError) as wrong:
        command("--from", "not an address")
    assert wrong.value.returncode == 2
