"""N3: while a message is being sent, the list and its page show how far it is, and ask again until it is over."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailadmin.core.outcome import DeliveryState
from tests.console.rows_to_watch import delivery

pytestmark = pytest.mark.django_db
FAR = "12 of 30 MB uploaded"


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def test_n3_the_list_shows_the_progress_and_asks_for_its_cell(viewer_client: Client) -> None:
    row = delivery(DeliveryState.SENDING, progress=FAR)
    address = reverse("mailadmin:log-outcome", args=[row.pk])
    for name in ("log-list", "dashboard"):
        text = page(viewer_client, name)
        assert FAR in text
        assert f'hx-get="{address}" hx-trigger="every 2s"' in text
    cell = page(viewer_client, "log-outcome", row.pk)
    assert FAR in cell
    assert "hx-trigger" in cell
    assert "<html" not in cell


def test_a_finished_cell_asks_no_more_and_shows_no_progress(viewer_client: Client) -> None:
    row = delivery(DeliveryState.SENT, progress=FAR)
    cell = page(viewer_client, "log-outcome", row.pk)
    assert "Sent" in cell
    assert "hx-trigger" not in cell
    assert FAR not in cell
    assert "hx-trigger" not in page(viewer_client, "log-list")


def test_n3_the_page_of_a_message_shows_the_progress_until_it_is_over(viewer_client: Client) -> None:
    row = delivery(DeliveryState.SENDING, progress=FAR, to=(), recipient_list=[["to", "ann@example.org"]])
    text = page(viewer_client, "log", row.pk)
    assert f"<p>{FAR}</p>" in text
    assert 'hx-select="#message"' in text
    assert "<noscript>" in text
    assert "Not sent yet" in text  # who waits for the end has not been refused
    row.state = DeliveryState.SENT
    row.save()
    text = page(viewer_client, "log", row.pk)
    assert FAR not in text
    assert "Not sent yet" not in text
    assert "hx-trigger" not in text


def test_a_message_that_was_interrupted_is_not_asked_for(viewer_client: Client) -> None:
    row = delivery(DeliveryState.SENDING, progress=FAR, minutes_ago=60)
    assert "hx-trigger" not in page(viewer_client, "log", row.pk)
    assert "hx-trigger" not in page(viewer_client, "log-outcome", row.pk)
