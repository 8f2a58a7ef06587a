"""docs/done.md is right: it names every field, and says the tries as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mailadmin.core import limits
from mailadmin.core.clients import DoneState
from mailadmin.core.done_payload import Done, Told, outcome, payload
from mailadmin.core.outcome import DeliveryState

PAGE = (Path(__file__).parents[2] / "docs" / "done.md").read_text("utf-8")


def test_the_page_names_every_field_and_no_other() -> None:
    sent = payload(Done("1", DeliveryState.PARTLY, recipients=(Told("ann@example.org", "sent"),)))
    found = re.search(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    shown = json.loads(found[1])
    assert set(shown) == set(sent)
    assert set(shown["recipients"][0]) == set(sent["recipients"][0])
    assert (shown["outcome"], shown["state"]) == (sent["outcome"], sent["state"])
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(sent)


def test_every_state_that_is_over_has_an_outcome_of_the_page() -> None:
    on_its_way = {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD}
    assert {state for state in DeliveryState if outcome(state) is None} == on_its_way
    row = re.search(r"^\| `outcome` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row
    assert {str(one) for one in DoneState} == set(re.findall(r"`(\w+)`", row[1]))


def test_the_page_says_the_tries_as_they_are() -> None:
    assert limits.DONE_RETRY_SECONDS == (30, 5 * 60, 30 * 60, 2 * 3600, 12 * 3600)
    assert len(limits.DONE_RETRY_SECONDS) + 1 == limits.DONE_TRIES
    assert "after 30 seconds, 5 and 30 minutes, 2 and\n12 hours" in PAGE
    assert f"after {limits.DONE_SECONDS} seconds it counts as not taken" in PAGE
