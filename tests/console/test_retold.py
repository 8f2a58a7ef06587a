"""What the log keeps of the knowledge base is read in the language of whoever looks."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import timezone, translation
from django.utils.html import escape

from mailadmin.console.retold import retold
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import entries, explain
from mailadmin.models import Delivery

FAULTS = [
    Fault(Phase.AUTH, Kind.REPLY, "5.7.8 no {such} user", "mail.example.org", 587, smtp_code=535, enhanced="5.7.8"),
    Fault(Phase.TCP, Kind.TIMEOUT, "", "mail.example.org", 25),
    Fault(
        Phase.RECIPIENT, Kind.REPLY, "gone", "mx.example", 25, smtp_code=550, enhanced="5.1.1", recipient="a@b.example"
    ),
    Fault(Phase.TLS, Kind.CLOSED, "", ""),
]


def said(fault, language):
    with translation.override(language):
        known = explain(fault)
        return [known.problem, known.title, known.cause, *known.remedy, known.owner.label]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.phase)
def test_a_text_of_the_log_is_read_in_another_language(fault):
    code = explain(fault).id
    with translation.override("de"):
        assert [retold(text, code) for text in said(fault, settings.LANGUAGE_CODE)] == said(fault, "de")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_every_entry_is_known_again_with_and_without_its_id(entry):
    with translation.override(settings.LANGUAGE_CODE):
        known = entry.explained()
    with translation.override("de"):
        assert retold(known.problem, entry.id) == entry.explained().problem
        assert retold(known.problem) == entry.explained().problem


def test_what_the_server_said_stays_as_it_is():
    fault = FAULTS[0]
    with translation.override("de"):
        german = explain(fault).title
        for code in (explain(fault).id, "535", ""):
            assert retold(f"{said(fault, 'en')[1]} {fault.text}", code) == f"{german} {fault.text}"


@pytest.mark.parametrize("text", ["", "Something of an earlier version.", "550 no such user (#5.1.1)", "("])
def test_what_nobody_knows_stays_as_it_is(text):
    with translation.override("de"):
        assert retold(text) == retold(text, "no-such-entry") == retold(text, "no-route") == text


def test_nothing_is_looked_for_in_the_language_of_the_site():
    assert retold("No connection can send this message.", "no-route") == "No connection can send this message."


@pytest.mark.django_db
def test_the_page_of_a_message_tells_it_in_the_language_of_whoever_looks(viewer_client):
    delivery = Delivery.objects.create(created_at=timezone.now(), state="failed")
    fault = FAULTS[0]
    known = explain(fault)
    delivery.attempts.create(
        number=1,
        started_at=delivery.created_at,
        duration_ms=5,
        route_kind="smtp",
        route_name="Office",
        accepted=False,
        code=known.id,
        problem=known.problem,
        remedy=list(known.remedy),
        owner=known.owner.label,
    )
    page = viewer_client.get(f"/log/{delivery.pk}/", headers={"accept-language": "de"}).text
    for text in said(fault, "de")[2:-1]:
        assert escape(text) in page
    assert escape(known.cause) in viewer_client.get(f"/log/{delivery.pk}/").text
