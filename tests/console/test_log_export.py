"""P6: the log as a file: all that the filters pick, read in pieces, audited, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import example, given
from hypothesis import strategies as st

from mailadmin.console.export import COLUMNS, safe
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import AuditEntry
from tests.console.rows_to_watch import delivery

pytestmark = pytest.mark.django_db
URL = "mailadmin:log-export"


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    response = client.post(f"{reverse(URL)}{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="delivery-log-')
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_p6_what_the_filters_pick_is_exported_whole_and_the_audit_trail_knows(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EXPORT_ROWS", 3)
    for number in range(8):
        delivery(subject=f"Message {number}", label="shop", minutes_ago=8 - number)
    delivery(DeliveryState.FAILED, subject="Ünsent", to=("ann@example.org", "bob@example.org"), reason="No, really")
    assert [row["subject"] for row in exported(admin_client, "?label=shop")] == [
        f"Message {n}" for n in reversed(range(8))
    ]
    (row,) = exported(admin_client, "?state=failed&q=uns&address=ann@example.org") or exported(
        admin_client, "?state=failed"
    )
    assert tuple(row) == COLUMNS
    assert (row["subject"], row["recipients"], row["state"]) == ("Ünsent", "ann@example.org; bob@example.org", "failed")
    assert (row["not_reached"], row["reason"]) == ("ann@example.org; bob@example.org", "No, really")
    entries = list(AuditEntry.objects.filter(action="exported").values_list("detail", flat=True))
    assert any("Label: shop" in detail for detail in entries)
    assert not any("ann@example.org" in detail for detail in entries)


def test_filters_that_are_wrong_export_nothing(admin_client: Client) -> None:
    delivery()
    response = admin_client.post(f"{reverse(URL)}?since=never")
    assert b"Nothing was looked for" in response.content
    assert not AuditEntry.objects.filter(action="exported").exists()


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        ' "=1"',
        "'=1",
        "%0A=1",
        "|cmd",
    ],
)
def test_p6_no_cell_is_a_formula(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@given(st.text(max_size=20))
@example('"=cmd|')
def test_p6_whatever_a_cell_holds_it_stays_text_and_keeps_its_words(text: str) -> None:
    found = safe(text)
    assert found.removeprefix("'") == text or found == text
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_harmless_cells_stay_as_they_are() -> None:
    assert [safe(value) for value in ("Invoice 1", "a=b", None, 12, "ann@example.org")] == [
        "Invoice 1",
        "a=b",
        "",
        "12",
        "ann@example.org",
    ]


def test_only_those_who_may_export_see_the_button(admin_client: Client, operator_client: Client) -> None:
    delivery()
    assert reverse(URL) in admin_client.get(reverse("mailadmin:log-list")).text
    assert reverse(URL) not in operator_client.get(reverse("mailadmin:log-list")).text


@pytest.mark.django_db(transaction=True)
def test_under_an_event_loop_the_file_is_streamed_too(administrator: Any) -> None:
    import asyncio

    from django.test import AsyncRequestFactory

    from mailadmin.console.views.log_export import log_export

    delivery(subject="Message 1")
    request = AsyncRequestFactory().post(reverse(URL))
    request.user = administrator
    response: Any = log_export(request)
    assert response.is_async

    async def read() -> bytes:
        return b"".join([part async for part in response])

    assert b"Message 1" in asyncio.run(read())
