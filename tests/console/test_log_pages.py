"""P6: pages of the log by their place: at any depth, under every filter, while messages arrive."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.console import log_pages
from mailadmin.console.log_pages import ByTime, Mark, Part
from mailadmin.console.log_search import search
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import log_text
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient
from tests.console.rows_to_watch import delivery, plain_row

pytestmark = pytest.mark.django_db
LISTED = re.compile(r">(Message \d+)</a>")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PAGE_ROWS", 4)
    monkeypatch.setattr(limits, "LOG_LOOK_ROWS", 6)


def names(*numbers: int) -> list[str]:
    return [f"Message {number}" for number in numbers]


def fill(count: int, **values: Any) -> list[Delivery]:
    """Messages 0 (the oldest) to `count` - 1."""
    return [delivery(subject=f"Message {n}", minutes_ago=count - n, **values) for n in range(count)]


class Browser:
    """Somebody who follows the links of the pages."""

    def __init__(self, client: Client, **filters: str) -> None:
        self.client = client
        self.open(f"?{urlencode(filters)}")

    def open(self, query: str) -> None:
        self.text = self.client.get(reverse("mailadmin:log-list") + query.replace("&amp;", "&")).content.decode()
        self.shown = LISTED.findall(self.text)

    def link(self, word: str) -> str:
        found = re.search(rf'href="(\?[^"]*)"[^>]*>{word}</a>', self.text)
        return found[1] if found else ""

    def follow(self, word: str) -> list[str]:
        assert self.link(word), f"no link “{word}”"
        self.open(self.link(word))
        return self.shown


def test_p6_the_pages_lead_to_the_oldest_message_and_back(viewer_client: Client) -> None:
    fill(10)
    browser = Browser(viewer_client)
    assert browser.shown == names(9, 8, 7, 6)
    assert not browser.link("Newer")
    assert browser.follow("Older") == names(5, 4, 3, 2)
    assert browser.follow("Older") == names(1, 0)
    assert not browser.link("Older")
    assert browser.follow("Newer") == names(5, 4, 3, 2)
    assert browser.follow("Newer") == names(9, 8, 7, 6)
    assert not browser.link("Newer")


def test_p6_a_message_that_arrives_moves_no_other_to_another_page(viewer_client: Client) -> None:
    fill(8)
    browser = Browser(viewer_client)
    delivery(subject="Message 99", minutes_ago=0)
    assert browser.follow("Older") == names(3, 2, 1, 0)
    assert browser.follow("Newer") == names(7, 6, 5, 4)
    assert browser.follow("Newest") == names(99, 7, 6, 5)


def test_p6_messages_of_one_moment_are_listed_once_each(viewer_client: Client) -> None:
    moment = timezone.now()
    for row in fill(11):
        Delivery.objects.filter(pk=row.pk).update(created_at=moment)
    browser = Browser(viewer_client)
    seen = [*browser.shown, *browser.follow("Older"), *browser.follow("Older")]
    assert sorted(seen) == sorted(names(*range(11)))


@pytest.mark.parametrize(
    "filters", ["state", "label", "code", "route", "address", "q", "problem", "state and label", "q and state"]
)
def test_p6_every_filter_has_pages_in_the_order_of_the_log(viewer_client: Client, filters: str) -> None:
    route = plain_row(25)
    tried = ({"route_id": route.pk, "accepted": False}, {"route_id": route.pk, "accepted": False})
    wanted: dict[str, Any] = {"label": "shop", "code": "mailbox-full", "to": ("ann@example.org",), "attempts": tried}
    states = [DeliveryState.FAILED, DeliveryState.UNSURE] if filters == "problem" else [DeliveryState.FAILED]
    for number in range(24):
        if number % 3 == 0:
            delivery(states[number % len(states)], subject=f"Message {number}", minutes_ago=24 - number, **wanted)
        else:
            delivery(subject=f"Other {number}", minutes_ago=24 - number, to=("bob@example.org",))
    query = {
        "state": {"state": "failed"},
        "label": {"label": "shop"},
        "code": {"code": "mailbox-full"},
        "route": {"route": str(route.pk)},
        "address": {"address": "ann@example.org"},
        "q": {"q": "messag"},
        "problem": {"state": "problem"},
        "state and label": {"state": "failed", "label": "shop"},
        "q and state": {"q": "MESSAGE", "state": "failed"},
    }[filters]
    browser = Browser(viewer_client, **query)
    assert browser.shown == names(21, 18, 15, 12)
    assert browser.follow("Older") == names(9, 6, 3, 0)
    assert not browser.link("Older")
    assert browser.follow("Newer") == names(21, 18, 15, 12)
    for part, value in query.items():
        assert urlencode({part: value}) in browser.link("Older")


def test_p6_a_search_that_takes_too_long_says_how_far_it_looked_and_goes_on(
    viewer_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOG_PAGE_SECONDS", 0)
    delivery(subject="Message 1", minutes_ago=99)
    fill_others = [delivery(subject=f"Other {n}", minutes_ago=90 - n) for n in range(30)]
    assert fill_others
    browser = Browser(viewer_client, q="ss", state="sent", label="")  # too short for the index
    looked = 0
    while not browser.shown:
        assert "Looked through the messages back to" in browser.text
        assert "Nothing found so far" in browser.text
        browser.follow("Look further back")
        looked += 1
        assert looked < 20
    assert browser.shown == names(1)


@pytest.mark.parametrize("bad", ["x", "t1.", "tffffffffffffffff." + "0" * 32, "n1." + "0" * 32, "'; --", "t1.é"])
@pytest.mark.parametrize("name", ["older", "newer"])
def test_a_place_that_is_none_gives_the_first_page(viewer_client: Client, bad: str, name: str) -> None:
    fill(5)
    response = viewer_client.get(reverse("mailadmin:log-list"), {name: bad})
    assert LISTED.findall(response.content.decode()) == names(4, 3, 2, 1)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), max_size=25), st.integers(1, 7))
def test_several_parts_are_merged_in_order_whatever_is_read_at_a_time(places: list[tuple[int, int]], most: int) -> None:
    Delivery.objects.all().delete()
    start = timezone.now()
    for minute, kind in places:
        Delivery.objects.create(created_at=start + timedelta(minutes=minute), label="ab"[kind])
    source = ByTime([Part(Delivery.objects.filter(label=label)) for label in "ab"])
    for newer in (False, True):
        marks: list[Mark] = []
        border: Mark | None = None
        while True:
            found, border = source.read(border, newer, most)
            marks += found
            if border is None:
                break
        assert marks == sorted(marks, reverse=not newer)
        assert {mark.delivery for mark in marks} == set(Delivery.objects.values_list("pk", flat=True))
        assert len(marks) == len(places)


def test_the_rarest_of_several_filters_leads(django_assert_max_num_queries: Any) -> None:
    for number in range(250):
        Delivery.objects.create(created_at=timezone.now() - timedelta(minutes=number), state="sent", label="often")
    Delivery.objects.create(created_at=timezone.now(), state="sent", label="rare")
    found = search({"state": "sent", "label": "rare"})
    with django_assert_max_num_queries(4):
        assert len(log_pages.page(found.source, found.wanted).deliveries) == 1
    assert len(found.source.read(None, False, 10)[0]) == 1


def test_a_search_without_an_index_looks_through_the_rows(
    monkeypatch: pytest.MonkeyPatch, viewer_client: Client
) -> None:
    monkeypatch.setattr(log_text.trigrams, "available", lambda alias: False)
    delivery(subject="Message 1", to=("é@example.org", "ann@example.org"))
    delivery(subject="Message 2", to=("bob@example.org",))
    for text in ("sage 1", "ANN@", "é@ex"):
        assert Browser(viewer_client, q=text).shown == names(1), text


def test_a_page_takes_few_statements_at_any_depth(viewer_client: Client, django_assert_max_num_queries: Any) -> None:
    fill(9, attempts=({}, {}))
    assert DeliveryAttempt.objects.count() == 18
    assert DeliveryRecipient.objects.count() == 9
    browser = Browser(viewer_client)
    with django_assert_max_num_queries(14):
        browser.follow("Older")
