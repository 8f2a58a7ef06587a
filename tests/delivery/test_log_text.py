"""P6: what the search of the log finds, in every database, and that nothing is missed or kept too long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.delivery import log_text, trigrams
from mailadmin.models import Delivery, LogText

pytestmark = pytest.mark.django_db


def logged(subject: str = "Invoice", minutes_ago: float = 0, over: bool = True, **values: Any) -> Delivery:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return Delivery.objects.create(created_at=at, finished_at=at if over else None, subject=subject, **values)


def caught_up() -> None:
    if not log_text.catch_up(5):
        pytest.skip("this database has no index for the search")


def found(text: str, border: int | None = None, newer: bool = False, most: int = 1000) -> list[str]:
    places, _ = trigrams.find(log_text.fold(text), border, newer, most, log_text.alias())
    subjects = dict(Delivery.objects.values_list("pk", "subject"))
    return [subjects[place.delivery] for place in places]


def test_p6_a_part_of_any_field_finds_the_message_whatever_its_capitals() -> None:
    logged(
        "Große Rechnung 100% fertig_x",
        from_address="shop@contoso.org",
        sent_as="Post <post@contoso.org>",
        message_id="<77.abc@host>",
        recipient_list=[["to", "ann@example.org"], ["bcc", "Bob@Example.org"]],
        metadata={"Order": "R-4711"},
    )
    logged("Another one", from_address="other@fabrikam.org")
    caught_up()
    parts = ("RECHN", "grosse", "SHOP@con", "post@", "77.abc", "nn@exam", "bob@ex", "100% fert", "fertig_x")
    for text in (*parts, "r-4711", "order"):
        assert found(text) == ["Große Rechnung 100% fertig_x"], text
    assert found("fertig%x") == []
    assert found('say "no"') == []


def test_p6_what_is_found_comes_newest_first_and_goes_on_in_both_directions() -> None:
    for number in range(7):
        logged(f"Message {number}", minutes_ago=7 - number)
    caught_up()
    assert found("message") == [f"Message {n}" for n in reversed(range(7))]
    assert found("message", most=2)[:2] == ["Message 6", "Message 5"]
    numbers = list(LogText.objects.order_by("-pk").values_list("pk", flat=True))
    assert found("message", border=numbers[2]) == ["Message 3", "Message 2", "Message 1", "Message 0"]
    assert found("message", border=numbers[2], newer=True) == ["Message 5", "Message 6"]


def test_p6_going_on_where_a_look_ended_finds_each_message_once() -> None:
    for number in range(9):
        logged(f"{'Report' if number % 3 else 'Message'} {number}", minutes_ago=9 - number)
    caught_up()
    seen, border = [], None
    while True:
        places, border = trigrams.find("message", border, False, 2, log_text.alias())
        seen += [place.number for place in places]
        if border is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3


def test_what_becomes_known_later_is_found_and_what_is_deleted_is_not() -> None:
    row = logged(over=False)
    logged("A late one", minutes_ago=limits.SEARCH_OVERLAP_SECONDS / 60 / 2)
    caught_up()
    assert found("post@contoso") == []
    Delivery.objects.filter(pk=row.pk).update(sent_as="post@contoso.org", finished_at=timezone.now())
    caught_up()
    assert found("post@contoso") == ["Invoice"]
    assert found("late one") == ["A late one"]
    Delivery.objects.filter(pk=row.pk).update(sent_as="", subject="Gone")
    log_text.rewrite([row.pk])
    assert (found("post@contoso"), found("gone")) == ([], ["Gone"])
    row.delete()
    assert found("gone") == []
    assert LogText.objects.count() == 1


def test_a_thorough_look_finds_what_became_visible_late() -> None:
    logged("First")
    caught_up()
    logged("From a transaction of an hour", minutes_ago=60)
    caught_up()
    assert found("transaction") == []
    assert log_text.catch_up(5, thorough=True)
    assert found("transaction") == ["From a transaction of an hour"]


def test_an_index_that_lost_a_part_is_made_whole_again() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only tables of SQLite are ever rebuilt")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER mailadmin_logtext_trigrams_insert")
    logged("Unseen")
    caught_up()
    assert found("unseen") == []
    trigrams.install(sender=apps.get_app_config("mailadmin"))
    assert found("unseen") == ["Unseen"]


def test_a_database_without_the_index_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigrams, "_found", set())
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE mailadmin_logtext_trigrams")
        assert not log_text.catch_up(5)
        assert not LogText.objects.exists()


def test_the_rarest_runs_are_asked_for() -> None:
    sample = ["anna@example.org", "bob@example.org"]
    assert set(trigrams.rarest({"bob", "ob@", "b@e", "@ex", "org"}, sample)) == {"bob", "ob@", "b@e"}
    assert trigrams.rarest({"abc"}, []) == ["abc"]
