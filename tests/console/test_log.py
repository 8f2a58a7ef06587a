"""The delivery log: filters that stand in the address, and a page that tells one message in full."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import DeliveryRecipient
from tests.console.rows_to_watch import delivery, plain_row

pytestmark = pytest.mark.django_db
REFUSED: dict[str, Any] = {
    "accepted": False,
    "route_kind": "oauth",
    "route_name": "Contoso 365",
    "server_code": "ErrorAccessDenied",
    "answer": "Access is denied.",
    "problem": "The app may not send from this mailbox.",
    "remedy": ["Grant Mail.Send."],
    "owner": "Your Microsoft 365 administrator",
}


def listed(client: Client, **filters: Any) -> str:
    response = client.get(reverse("mailadmin:log-list"), filters)
    assert response.status_code == 200
    return response.content.decode()


def told(client: Client, row: Any) -> str:
    return client.get(reverse("mailadmin:log", args=[row.pk])).content.decode()


def test_an_empty_log_teaches_the_next_step(operator_client: Client, viewer_client: Client) -> None:
    assert reverse("mailadmin:compose") in listed(operator_client)
    assert "No message yet" in listed(viewer_client)
    assert "No message fits these filters" in listed(viewer_client, q="nothing")


@pytest.mark.parametrize(
    "filters",
    [
        {"q": "wanted"},
        {"q": "BOB@example"},
        {"q": "<77@"},
        {"q": "wiki@example"},
        {"state": "failed"},
        {"state": "problem"},
        {"label": "Shop"},
        {"address": "bob@example.org"},
        {"address": "Bob@Example.org"},
        {"code": "send-as-denied"},
        {"q": "wan", "state": "problem", "label": "Shop"},
        {"address": "bob@example.org", "q": "wanted", "state": "failed"},
        {"label": "Shop", "state": "failed"},
    ],
)
def test_s22_messages_are_found_by_address_subject_id_state_and_label(
    viewer_client: Client, filters: dict[str, str]
) -> None:
    delivery(subject="Other one")
    delivery(
        DeliveryState.FAILED,
        subject="The wanted one",
        to=("ann@example.org", "bob@example.org"),
        message_id="<77@example.org>",
        from_address="wiki@example.org",
        label="Shop",
        code="send-as-denied",
    )
    text = listed(viewer_client, **filters)
    assert "The wanted one" in text
    assert "Other one" not in text


def test_messages_are_found_by_every_route_that_tried(viewer_client: Client) -> None:
    first, second = plain_row(25, name="First"), plain_row(26, name="Second")
    delivery(
        DeliveryState.FALLBACK,
        subject="By both",
        route_id=second.pk,
        attempts=({"route_id": first.pk, "accepted": False}, {"route_id": second.pk}),
    )
    delivery(subject="By the second", route_id=second.pk, attempts=({"route_id": second.pk},))
    text = listed(viewer_client, route=str(first.pk))
    assert "By both" in text
    assert "By the second" not in text
    assert "By the second" in listed(viewer_client, route=str(second.pk))


def test_messages_are_found_by_day_and_the_last_day_counts(viewer_client: Client) -> None:
    delivery(subject="Old one", minutes_ago=60 * 24 * 5)
    delivery(subject="New one", minutes_ago=0)
    today = timezone.localdate()
    assert "Old one" not in listed(viewer_client, since=today.isoformat(), until=today.isoformat())
    assert "New one" in listed(viewer_client, since=today.isoformat(), until=today.isoformat())
    assert "New one" not in listed(viewer_client, until=(today - timedelta(days=2)).isoformat())
    wrong = listed(viewer_client, since=today.isoformat(), until=(today - timedelta(days=1)).isoformat())
    assert "The last day lies before the first one; exchange them." in wrong
    assert "New one" not in wrong


def test_a_message_that_is_sending_for_long_is_interrupted(viewer_client: Client) -> None:
    lost = delivery(DeliveryState.SENDING, subject="Lost", minutes_ago=limits.SENDING_LOST_MINUTES + 1)
    delivery(DeliveryState.SENDING, subject="Busy", minutes_ago=1)
    assert "Lost" in listed(viewer_client, state="interrupted")
    assert "Busy" not in listed(viewer_client, state="interrupted")
    assert "Lost" not in listed(viewer_client, state="sending")
    assert "Busy" in listed(viewer_client, state="sending")
    assert "Interrupted: the sending process ended" in told(viewer_client, lost)


def test_the_list_takes_the_same_number_of_statements_for_many(
    viewer_client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    delivery(attempts=({},))
    with django_assert_max_num_queries(16) as few:
        listed(viewer_client)
    for _ in range(5):
        delivery(DeliveryState.FALLBACK, attempts=(REFUSED, {}), to=("a@example.org", "b@example.org"))
    with django_assert_num_queries(len(few.captured_queries)):
        listed(viewer_client)


def test_n3_the_page_of_a_message_tells_why_it_went_by_fallback(viewer_client: Client) -> None:
    row = delivery(DeliveryState.FALLBACK, attempts=(REFUSED, {"answer": "250 2.0.0 Queued"}))
    text = told(viewer_client, row)
    assert "Sent by fallback: Contoso 365 refused (ErrorAccessDenied), so Relay A took it." in text
    assert "Grant Mail.Send." in text
    assert "Whose job: Your Microsoft 365 administrator" in text
    assert "250 2.0.0 Queued" in text
    assert "ann@example.org" in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (DeliveryState.SENT, "Sent by Relay A."),
        (DeliveryState.PARTLY, "Partly sent: Relay A took it for some recipients"),
        (DeliveryState.UNSURE, "Maybe delivered: Contoso 365 had the whole message"),
        (DeliveryState.FAILED, "Failed: Contoso 365 refused (ErrorAccessDenied)."),
        (DeliveryState.SENDING, "It is being sent now."),
    ],
)
def test_each_state_has_a_sentence_of_its_own(viewer_client: Client, state: DeliveryState, sentence: str) -> None:
    assert sentence in told(viewer_client, delivery(state, attempts=(REFUSED,)))


def test_each_recipient_has_an_outcome_and_bcc_shows_to_those_who_may_read_the_log(
    viewer_client: Client, nobody_client: Client
) -> None:
    row = delivery(DeliveryState.PARTLY, to=("ann@example.org",))
    DeliveryRecipient.objects.create(
        delivery=row, address="no-one@example.org", field="bcc", state="refused", code="550 5.1.1", reason="No mailbox."
    )
    text = told(viewer_client, row)
    assert "no-one@example.org" in text
    assert "Bcc" in text
    assert "550 5.1.1 No mailbox." in text
    assert nobody_client.get(reverse("mailadmin:log", args=[row.pk])).status_code == 403


def test_p5_a_changed_from_and_the_routes_not_tried_are_told(viewer_client: Client) -> None:
    row = delivery(
        from_address="wiki@example.org",
        sent_as="Shop <shop@example.org>",
        skipped=[["Relay B", "It is only for other senders."]],
    )
    text = told(viewer_client, row)
    assert "Sent as Shop &lt;shop@example.org&gt;; the original From is in Reply-To." in text
    assert "Relay B" in text
    assert "It is only for other senders." in text
    filled_in = delivery(from_address="webmaster@localhost", sent_as="shop@example.org")
    assert "the original From is in Reply-To" not in told(viewer_client, filled_in)


def test_a_message_without_outcome_shows_whom_it_was_for(viewer_client: Client) -> None:
    row = delivery(DeliveryState.SENDING, to=(), recipient_list=[["to", "ann@example.org"]])
    assert "ann@example.org" in told(viewer_client, row)
    assert "ann@example.org" in listed(viewer_client)


def test_a_message_that_does_not_exist_is_a_404(viewer_client: Client) -> None:
    assert viewer_client.get(reverse("mailadmin:log", args=[uuid.uuid4()])).status_code == 404


def test_s22_the_metadata_of_a_message_are_shown_and_found(viewer_client: Client) -> None:
    row = delivery(subject="Receipt", metadata={"order": "R-4711 <b>", "shop": "Bern"})
    delivery(subject="Another one")
    shown = told(viewer_client, row)
    assert "R-4711 &lt;b&gt;" in shown
    assert "Bern" in shown
    found = listed(viewer_client, q="r-4711")
    assert "Receipt" in found
    assert "Another one" not in found
