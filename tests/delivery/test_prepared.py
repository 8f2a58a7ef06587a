"""SQL built once writes and reads what the ORM does, on every database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from mailadmin.delivery.attempts import Terms, make_ready
from mailadmin.delivery.convert import convert
from mailadmin.delivery.prepared import Insert, Select, Update
from mailadmin.models import Delivery, DeliveryAttempt

from .conftest import Peers, a_message, add_smtp

pytestmark = pytest.mark.django_db

WHEN = datetime(2026, 3, 1, 23, 59, 58, 123456, tzinfo=UTC)


def values(**more: Any) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "created_at": WHEN,
        "subject": "Grüße 100 % “✓” \\ '%s'",
        "recipient_list": [["to", "ann@example.org"], ["cc", "é@example.org"]],
        "size": 2**40,
        "is_test": True,
        "route_id": uuid.uuid4(),
        "duration_ms": None,
    } | more


def stored(model: type[Any], key: Any) -> dict[str, Any]:
    return dict(model.objects.values().get(pk=key))


def test_a_row_is_the_one_that_the_orm_writes() -> None:
    user = get_user_model()._default_manager.create(username="anna")
    given = values(asked_by_id=user.pk)
    twin = Delivery.objects.create(**given | {"id": uuid.uuid4()})
    with connection.cursor() as cursor:
        Insert(Delivery)(cursor, [given])
    assert stored(Delivery, given["id"]) == stored(Delivery, twin.pk) | {"id": given["id"]}


def test_several_rows_go_in_one_statement(django_assert_num_queries: Any) -> None:
    delivery = values()
    insert, attempts = Insert(Delivery), Insert(DeliveryAttempt)
    rows = [
        {"delivery_id": delivery["id"], "number": n, "started_at": WHEN, "duration_ms": n, "accepted": n == 3}
        for n in (1, 2, 3)
    ]
    with django_assert_num_queries(2), connection.cursor() as cursor:
        insert(cursor, [delivery])
        attempts(cursor, rows)
        attempts(cursor, [])
    found = DeliveryAttempt.objects.filter(delivery=delivery["id"])
    assert [(a.number, a.accepted, a.remedy, a.answer) for a in found] == [
        (1, False, [], ""),
        (2, False, [], ""),
        (3, True, [], ""),
    ]


def test_a_change_touches_only_what_it_names_and_only_its_row() -> None:
    one, other = values(), values()
    update = Update(Delivery, ("state", "finished_at", "skipped", "route_id"))
    with connection.cursor() as cursor:
        Insert(Delivery)(cursor, [one, other])
        before = stored(Delivery, other["id"])
        update(cursor, one | {"state": "sent", "finished_at": WHEN, "route_id": None, "subject": "not this"})
    row = stored(Delivery, one["id"])
    assert (row["state"], row["finished_at"], row["route_id"], row["skipped"]) == ("sent", WHEN, None, [])
    assert row["subject"] == one["subject"]
    assert stored(Delivery, other["id"]) == before


def test_a_query_is_asked_again_and_not_remembered() -> None:
    select = Select(lambda: Delivery.objects.order_by("subject").values_list("subject", "size"))
    with connection.cursor() as cursor:
        assert select(cursor) == ()
        Insert(Delivery)(cursor, [values(subject=text, size=n) for n, text in enumerate("ab")])
        assert select(cursor) == (("a", 0), ("b", 1))


def test_a_message_that_nobody_waits_for_says_so_to_its_transport(peers: Peers) -> None:
    route, draft = add_smtp(peers).to_route(), convert(a_message())
    for in_background in (False, True):
        mail = make_ready(draft, route, draft.addresses, Terms(in_background), last=True).mail
        assert mail.in_background is in_background
