"""What an alert says (P8): one thing in its own words, many as a list, and no address of a message."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.alert_texts import Facts, Telling, advice, example, grouped, words
from mailadmin.core.alerts import Event

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def telling(
    name: str = "Relay A", event: Event = Event.FAILING, times: int = 0, text: str = "", code: str = ""
) -> Telling:
    facts = Facts(f"“{name}” is stopped: no message goes by it.", text, name, code, path="/smtp/1/")
    return Telling(event, f"route:{name}", facts, NOON, times)


def test_an_alert_has_the_remedy_and_the_owner_of_its_knowledge_entry() -> None:
    told = words(telling(code="microsoft-5-7-139"))
    assert told.remedy == advice("microsoft-5-7-139")[0] != ()
    assert told.owner == "Your Microsoft 365 administrator"
    assert advice("no-such-entry") == ((), "")


def test_what_happened_several_times_is_told_with_the_number_and_since_when() -> None:
    assert "It happened 7 times since 02 Nov 2026 12:00 UTC." in words(telling(times=7)).text
    assert "times" not in words(telling()).text


def test_what_recovered_is_told_by_its_name_and_how_long_it_lasted() -> None:
    told = words(telling(event=Event.RECOVERED))
    assert told.title == "“Relay A” is no longer failing."
    assert told.text == "It had been so since 02 Nov 2026 12:00 UTC."
    unnamed = Telling(Event.RECOVERED, "outbox:late", Facts("The outbox is not drained."), NOON)
    assert words(unnamed).title == "This is over: The outbox is not drained."


def test_a_few_are_told_one_by_one_and_many_in_one_list() -> None:
    few = [telling(f"Relay {number}") for number in range(limits.ALERT_APART)]
    assert [one.key for one in grouped(few, "/")] == [one.key for one in few]
    many = [telling(f"Relay {number}") for number in range(30)]
    other = telling("Relay X", Event.RECOVERED)
    listed, alone = grouped([*many, other], "/")
    assert listed.title == "Newly failing: 30 at once"
    assert listed.text.count("\n") == limits.ALERT_LISTED
    assert listed.text.endswith("… and 10 more.")
    assert listed.facts.path == "/"
    assert alone.event is Event.RECOVERED


def test_no_address_of_a_message_leaves_but_the_name_that_an_administrator_gave_does() -> None:
    text = "550 no such user ann@example.org, asked by <shop@contoso.org>"
    told = words(telling("mailer@contoso.org", text=text))
    assert told.text == "550 no such user (an address) asked by <(an address)>"
    assert told.title.startswith("“mailer@contoso.org” is stopped")


@given(st.text(max_size=80), st.emails(), st.text(max_size=80))
def test_no_text_ever_holds_the_address_that_was_in_it(before: str, address: str, after: str) -> None:
    told = words(telling(text=f"{before} {address} {after}"))
    assert address not in told.text


@given(st.text(max_size=600), st.text(max_size=100))
def test_whatever_it_is_about_the_alert_fits_its_columns_and_is_one_line(title: str, name: str) -> None:
    told = words(Telling(Event.FAILING, "k", Facts(title, title, name), NOON, 3))
    assert len(told.title) <= 255
    assert "\n" not in told.title
    assert "\n" not in told.text


def test_facts_survive_json_and_what_is_missing_is_empty() -> None:
    facts = telling().facts
    assert Facts.from_data(facts.as_data()) == facts
    assert Facts.from_data({"title": "x"}) == Facts("x")


def test_the_example_says_that_nothing_is_wrong() -> None:
    assert "Nothing is wrong" in example("staging").text
    assert "“staging”" in example("staging").text
