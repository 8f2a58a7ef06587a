"""S18: what an API client was told of a message stands on its page, and can be told again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.models import AuditEntry, Delivery, DoneNotice
from mailadmin.watch import done
from tests.fakes.graph_server import ScriptedServer, says
from tests.watch.done_rows import client_row, notices

pytestmark = pytest.mark.django_db


def a_message(server: ScriptedServer | None = None, state: str = "sent") -> Delivery:
    """Write a message that a client handed over."""
    values = {"created_at": timezone.now(), "subject": "Order 7", "metadata": {"order": "20418"}}
    return Delivery.objects.create(client=client_row(server), state=state, **values)


def told_again(client: Client, row: Delivery) -> str:
    return client.post(reverse("mailadmin:log-tell", args=[row.pk]), follow=True).text


def test_the_page_of_a_message_says_whom_it_came_from_and_what_was_told(
    operator_client: Client, viewer_client: Client
) -> None:
    with ScriptedServer(says(503), says(204), tls=False) as server:
        row = a_message(server)
        page = reverse("mailadmin:log", args=[row.pk])
        assert "None yet: it is told when the message is over." in operator_client.get(page).text
        for _ in range(2):
            assert "“Shop” is told again." in told_again(operator_client, row)
            done.deliver()
        text = operator_client.get(page).text
        for said in ("20418", "to Shop", f"{server.host} took it.", "Told"):
            assert said in text
        assert "canary" not in text
        assert "Tell it again" not in viewer_client.get(page).text
    assert notices() == [("sent", "told", 1)], "what waited was told, and nothing beside it"
    entries = AuditEntry.objects.filter(action="told the API client again")
    assert [entry.detail for entry in entries] == ["Shop", "Shop"]


def test_nobody_is_told_who_has_no_address_and_of_nothing_that_is_not_over(operator_client: Client) -> None:
    row = a_message()
    page = reverse("mailadmin:log", args=[row.pk])
    assert "None: no address for them is entered for this client." in operator_client.get(page).text
    assert "There is nobody to tell, or nothing to tell yet." in told_again(operator_client, row)
    assert not DoneNotice.objects.exists()


def test_a_message_of_no_client_has_no_such_card(operator_client: Client) -> None:
    row = Delivery.objects.create(created_at=timezone.now(), state="sent")
    assert "Done events" not in operator_client.get(reverse("mailadmin:log", args=[row.pk])).text
