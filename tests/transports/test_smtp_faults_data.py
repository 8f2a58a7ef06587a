"""Row 22 of the decision table, in each way that has a DATA command."""

from __future__ import annotations

import pytest

from mailadmin.core.fault import Kind, Phase
from tests.fakes.smtp_actions import Action, close, drip, reset, silent
from tests.transports.smtp_ways import DATA_WAYS, QUICK, failure, going, surely_not_sent

pytestmark = pytest.mark.parametrize("way", DATA_WAYS)
LOST = [(close, Kind.CLOSED), (reset, Kind.CLOSED), (silent, Kind.TIMEOUT), (drip(b"250-x\r\n", 0.02), Kind.TIMEOUT)]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("451 4.3.0 later", Kind.REPLY),
        ("554 5.5.1 no", Kind.REPLY),
        ("421 bye", Kind.REPLY),
        ("250 odd", Kind.OUT_OF_STEP),
    ],
)
def test_row_22_data_is_not_wanted(way: str, reply: str, kind: Kind) -> None:
    with going(way, {"DATA": [reply]}) as (server, session):
        surely_not_sent(failure(session), Phase.DATA, kind)
        assert session.open is (kind is Kind.REPLY and "421" not in reply)
        assert server.messages == []


@pytest.mark.parametrize(("action", "kind"), LOST)
def test_row_22_a_session_lost_at_data(way: str, action: Action, kind: Kind) -> None:
    with going(way, {"DATA": [action]}, timeouts=QUICK) as (_, session):
        surely_not_sent(failure(session), Phase.DATA, kind)
