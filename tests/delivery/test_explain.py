"""N4: why this route? The answer is what the delivery would do, and asking changes nothing."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import RouteKey
from mailadmin.delivery import health, routes
from mailadmin.delivery.explain import Answer, Question, Verdict, explain
from mailadmin.delivery.send import send_message
from mailadmin.models import DeliveryAttempt, OAuthService, RouteState, SenderRefusal, Settings, SmtpConnection
from mailadmin.models.clock import ahead
from mailadmin.transports.smtp.pace import await_turn
from tests.fakes.smtp_server import SmtpServer

from .conftest import Peers, a_message, add_oauth, add_smtp, plain

pytestmark = pytest.mark.django_db


def verdicts(answer: Answer) -> list[tuple[str, Verdict]]:
    return [(line.name, line.verdict) for line in answer.lines]


def failing(row: Any, seconds: float, **values: Any) -> None:
    defaults = {"failing": True, "failures": 1, "reason": "It hung up.", "since": "2026-11-21T00:00Z"}
    RouteState.objects.create(kind=row.kind, route_id=row.pk, open_until=ahead(seconds), **(defaults | values))
    routes.forget()


def test_n4_oauth_services_come_first_and_each_line_says_why(oauth: OAuthService, smtp: SmtpConnection) -> None:
    answer = explain(Question(sender="shop@contoso.org", recipients=("ann@example.org",)))
    assert answer.leaves
    assert verdicts(answer) == [("Contoso 365", Verdict.FIRST), ("Relay A", Verdict.NEXT)]
    assert "“Contoso 365” would be tried first" in answer.summary and "Relay A" in answer.summary
    with translation.override("de"):
        german = explain(Question(sender="shop@contoso.org", recipients=("ann@example.org",)))
    assert "„Contoso 365“" in german.summary and "„Relay A“" in german.summary, "quoted as the language does"
    assert all(line.reason and line.facts for line in answer.lines)
    assert "robot@contoso.org" in answer.lines[0].facts[0] and "Reply-To" in answer.lines[0].facts[0]
    assert answer.lines[1].facts[0] == "From stays as the application wrote it."


def test_n4_the_order_is_the_one_in_which_a_message_is_tried(
    peers: Peers, oauth: OAuthService, smtp: SmtpConnection
) -> None:
    told = [line.name for line in explain(Question(sender="shop@contoso.org")).lines if line.place]
    peers.graph_fault = "403"
    send_message(message := a_message())
    attempts = DeliveryAttempt.objects.filter(delivery=message.mailadmin.delivery_id).order_by("pk")  # type: ignore[attr-defined]
    assert [attempt.route_name for attempt in attempts] == told


def test_a_stopped_a_paused_and_an_unfit_route_are_left_out_with_the_reason(peers: Peers) -> None:
    stopped, paused, unfit, good = (add_smtp(peers, name) for name in ("Stopped", "Paused", "Unfit", "Zeta"))
    SmtpConnection.objects.filter(pk=unfit.pk).update(only_for_senders="other.org")
    RouteState.objects.create(
        kind="smtp",
        route_id=stopped.pk,
        stopped=True,
        failing=True,
        reason="The password is wrong.",
        since="2026-11-21T00:00Z",
    )
    health.pause(paused.key, "anna")
    answer = explain(Question(sender="shop@contoso.org"))
    reasons = {line.name: line.reason for line in answer.lines if line.verdict is Verdict.LEFT_OUT}
    assert reasons.keys() == {"Stopped", "Paused", "Unfit"}
    assert "The password is wrong." in reasons["Stopped"]
    assert "anna" in reasons["Paused"] and "other.org" in reasons["Unfit"]
    assert verdicts(answer)[0] == (good.name, Verdict.FIRST)
    assert "counts as sent by fallback" in answer.summary


def test_two_routes_of_one_name_are_told_apart(peers: Peers) -> None:
    oauth, smtp = add_oauth(peers, "Twin"), add_smtp(peers, "Twin")
    health.pause(oauth.key, "anna")
    found = {line.key: line.verdict for line in explain(Question()).lines}
    assert found == {oauth.key: Verdict.LEFT_OUT, smtp.key: Verdict.FIRST}


def test_a_resting_route_is_a_last_resort_directly_and_waited_for_in_the_outbox(smtp: SmtpConnection) -> None:
    failing(smtp, 60)
    direct = explain(Question())
    assert direct.leaves and "tried all the same" in direct.lines[0].reason
    queued = explain(Question(queued=True))
    assert not queued.leaves and "wait in the outbox until" in queued.summary
    assert verdicts(queued) == [("Relay A", Verdict.LEFT_OUT)]


def test_asking_takes_no_turn_and_no_right_to_try_a_route_whose_rest_is_over(smtp: SmtpConnection) -> None:
    failing(smtp, -1)
    before = RouteState.objects.values().get()
    for _ in range(3):
        answer = explain(Question())
        assert answer.leaves and "exactly one message tries it" in answer.lines[0].reason
    assert RouteState.objects.values().get() == before


def test_nothing_is_written_and_nothing_leaves(peers: Peers, oauth: OAuthService, smtp: SmtpConnection) -> None:
    with CaptureQueriesContext(connection) as found:
        explain(Question(sender="shop@contoso.org"))
    assert all(query["sql"].lstrip("( ").upper().startswith(("SELECT", "SAVEPOINT", "RELEASE")) for query in found)
    assert peers.arrived == []


def test_a_message_that_is_too_large_goes_past_graph(oauth: OAuthService, smtp: SmtpConnection) -> None:
    answer = explain(Question(size=25_000_000))
    assert verdicts(answer) == [("Relay A", Verdict.FIRST), ("Contoso 365", Verdict.LEFT_OUT)]
    assert "25 MB" in answer.lines[1].reason


def test_a_rate_that_is_used_up_is_told(peers: Peers) -> None:
    row = add_smtp(peers, rate_messages=1, rate_seconds=3600)
    await_turn(row.to_route(), 0)  # type: ignore[arg-type]
    assert any("used up for now" in fact for fact in explain(Question()).lines[0].facts)


def test_a_sender_that_was_refused_is_told(smtp: SmtpConnection) -> None:
    SenderRefusal.objects.create(
        kind="smtp",
        route_id=smtp.pk,
        sender="shop@contoso.org",
        count=3,
        reason="Not allowed.",
        last_at="2026-11-21T00:00Z",
    )
    facts = explain(Question(sender="Shop <shop@contoso.org>")).lines[0].facts
    assert any("3 times" in fact and "Not allowed." in fact for fact in facts)


def test_a_hold_a_redirection_and_a_paused_label_are_told(smtp: SmtpConnection) -> None:
    row = Settings.load()
    row.sending, row.redirect_to = "redirected", "team@example.org"
    row.save()
    answer = explain(Question(recipients=("ann@example.net",)))
    assert answer.leaves and "team@example.org" in " ".join(answer.notes)
    row.sending = "held"
    row.save()
    answer = explain(Question())
    assert not answer.leaves and "all mail is held" in answer.summary
    assert answer.lines[0].verdict is Verdict.FIRST  # what would happen when the hold is lifted
    row.sending, row.paused_labels = "on", ["letters"]
    row.save()
    assert not explain(Question(label="letters", queued=True)).leaves
    assert explain(Question(label="letters")).leaves
    SmtpConnection.objects.filter(pk=smtp.pk).update(label="letters")
    routes.forget()
    Settings.bump()
    assert explain(Question(queued=True)).leaves  # it has no label of its own, and is queued before it has a route


def test_switched_off_routes_are_listed_and_nothing_enabled_is_said(smtp: SmtpConnection) -> None:
    SmtpConnection.objects.filter(pk=smtp.pk).update(enabled=False)
    answer = explain(Question())
    assert not answer.leaves and verdicts(answer) == [("Relay A", Verdict.OFF)]
    assert "enabled" in answer.summary


def test_an_address_that_no_message_could_have_is_refused_by_name(smtp: SmtpConnection) -> None:
    with pytest.raises(BadMessage, match="From"):
        explain(Question(sender="not an address"))
    with pytest.raises(BadMessage, match="To"):
        explain(Question(recipients=("a@b@c",)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sender=st.text(max_size=30), to=st.lists(st.text(max_size=20), max_size=2), size=st.integers(0, 10**11))
def test_any_question_gets_an_answer_or_a_sentence(
    oauth: OAuthService, smtp: SmtpConnection, sender: str, to: list[str], size: int
) -> None:
    try:
        answer = explain(Question(sender=sender, recipients=tuple(to), size=size))
    except MailError as error:
        assert str(error)
    else:
        assert answer.summary and len({line.key for line in answer.lines}) == 2
        assert all(isinstance(line.key, RouteKey) and line.reason for line in answer.lines)


STATES: dict[str, dict[str, Any]] = {
    "well": {},
    "stopped": {"stopped": True, "failing": True},
    "paused": {"paused": True, "paused_by": "anna"},
    "resting": {"failing": True, "failures": 1, "rest": 600},
    "resting firmly": {"failing": True, "failures": 1, "rest": 600, "firm": True},
    "rested": {"failing": True, "failures": 1, "rest": -5},
}
one_route = st.fixed_dictionaries(
    {
        "peer": st.sampled_from(["good", "good", "busy", "no mailbox"]),
        "state": st.sampled_from(sorted(STATES)),
        "only_for_senders": st.sampled_from(["", "", "contoso.org", "other.org"]),
        "enabled": st.sampled_from([True, True, True, False]),
        "size_limit": st.sampled_from([0, 0, 10]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(one_route, min_size=1, max_size=4))
def test_n4_whatever_the_routes_are_a_message_goes_as_it_was_told(db: None, drawn: list[dict[str, Any]]) -> None:
    """N4: the routes are tried in the order that was told, up to the first that takes the message or ends it."""
    wrong = {"good": {}, "busy": {"MAIL": ["451 4.3.0 Not now"] * 9}, "no mailbox": {"RCPT": ["550 5.1.1 Unknown"] * 9}}
    with transaction.atomic(), ExitStack() as stack:
        servers = {name: stack.enter_context(SmtpServer(script)) for name, script in wrong.items()}
        peers = {}
        for number, values in enumerate(drawn):
            state = dict(STATES[values["state"]])
            options = {name: values[name] for name in ("only_for_senders", "enabled")}
            row = plain(servers[values["peer"]], f"Relay {number}", order=number, **options)
            peers[row.name] = values["peer"]
            state["open_until"] = ahead(state.pop("rest")) if "rest" in state else None
            state |= {"reason": "So it is.", "since": "2026-11-21T00:00Z", "size_limit": values["size_limit"]}
            RouteState.objects.create(kind=row.kind, route_id=row.pk, **state)
        routes.forget()
        message = a_message()
        answer = explain(Question(sender=message.from_email, recipients=tuple(message.to)))
        told = [line.name for line in sorted(answer.lines, key=lambda line: line.place or 0) if line.place]
        with suppress(MailError, ConfigurationError):
            send_message(message)
        result = message.mailadmin  # type: ignore[attr-defined]  # the documented place for the result
        attempts = DeliveryAttempt.objects.filter(delivery=result.delivery_id).order_by("number")
        tried = [attempt.route_name for attempt in attempts]
        ends = next((place for place, name in enumerate(told, 1) if peers[name] != "busy"), len(told))
        assert tried == told[:ends]
        assert answer.leaves is bool(tried)
        taken = bool(tried) and peers[tried[-1]] == "good"
        assert result.sent is taken
        by_fallback = "counts as sent by fallback" in answer.summary or len(tried) > 1
        assert (result.state == DeliveryState.FALLBACK) is (taken and by_fallback)
        transaction.set_rollback(True)
