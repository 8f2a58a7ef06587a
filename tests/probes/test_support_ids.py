"""N1: what Microsoft's support asks for, of every answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailadmin.probes.support_ids import rows

DIALOGUE = [
    "> GET https://login.example.org/openid-configuration",
    "< 200",
    "> POST https://login.example.org/token",
    "< 401 AADSTS7000215: no",
    "< x-ms-request-id: e-1",
    "< Date: Mon, 02 Nov 2026 10:00:00 GMT",
    "> POST https://graph.example.org/v1.0/users/a@example.org/sendMail",
    "> Authorization: Bearer ••••••",
    "> client-request-id: c-2",
    "< 202",
    "< client-request-id: c-2",
    "< request-id: g-2",
    "< Retry-After: 3",
]


def test_each_answer_has_its_status_its_names_and_its_time() -> None:
    assert rows(DIALOGUE) == [
        ["Answer 2", "401, x-ms-request-id e-1, date Mon, 02 Nov 2026 10:00:00 GMT"],
        ["Answer 3", "202, client-request-id c-2, request-id g-2"],
    ]


@given(st.lists(st.text() | st.sampled_from(DIALOGUE)))
def test_whatever_was_said_nothing_else_is_picked(dialogue: list[str]) -> None:
    for label, text in rows(dialogue):
        assert label.startswith("Answer ")
        assert "Bearer" not in text or any("Bearer" in line and "id:" in line.lower() for line in dialogue)
