"""Runs of Test Connection: what is written, what a thread leaves behind, and what stays in memory only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.report import StepState
from mailadmin.core.secret import Secret
from mailadmin.core.settings import ProxyKind, RouteKey, RouteKind, SmtpRoute
from mailadmin.models import ConnectionTest, RouteState
from mailadmin.testruns.rows import write
from mailadmin.testruns.runs import run
from tests.console.rows_to_watch import wait_for
from tests.fakes import certificates
from tests.fakes.proxies import FakeProxy
from tests.fakes.smtp_routes import PASSWORD, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer

CANARY = "canary-password-8812"


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna", "anna@example.org")


def server(**changes: Any) -> SmtpServer:
    return SmtpServer(**({"identity": certificates.good(), "features": ("SIZE 10000000", "AUTH PLAIN")} | changes))


def states(test: ConnectionTest) -> dict[str, StepState]:
    return {str(step.key): step.state for step in testruns.steps_of(test)}


@pytest.mark.django_db(transaction=True)
def test_n1_s5_a_started_test_walks_the_ladder_and_sends_the_message() -> None:
    anna = User.objects.create_user("anna", "anna@example.org")
    with server() as peer:
        test = testruns.start(with_password(peer.port), user=anna, recipient="ben@example.net")
        assert test.steps.count() == 9
        test = wait_for(test)
        assert b"To: ben@example.net" in peer.messages[0]
    assert test.state == "ok"
    assert test.verdict.startswith("Everything works: the test message was accepted.")
    assert test.asked_by_name == "anna"
    assert test.target == f"localhost:{peer.port} · No encryption"
    assert test.duration_ms is not None
    assert states(test)["message"] == StepState.OK


@pytest.mark.django_db(transaction=True)
def test_p3_without_a_recipient_nothing_is_sent() -> None:
    with server() as peer:
        test = testruns.run_now(smtp_route(peer.port))
        assert peer.messages == []
        assert not any(line.startswith("RCPT") for line in peer.lines)
    assert states(test)["sender"] == StepState.OK
    assert states(test)["recipient"] == states(test)["message"] == StepState.NOT_RUN
    assert "no test message was sent" in test.verdict


@pytest.mark.django_db(transaction=True)
def test_n2_a_failing_step_is_written_with_cause_remedy_and_owner() -> None:
    with server() as peer:
        test = testruns.run_now(with_password(peer.port, password=Secret("wrong")), recipient="b@example.net")
    assert test.state == "failed"
    assert "Sign-in" in test.verdict
    failed = test.steps.get(key="auth")
    assert failed.problem
    assert failed.cause
    assert failed.remedy
    assert failed.owner
    assert test.steps.filter(place__gt=failed.place).exclude(state="not-run").count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_recipient_without_any_sender_fails_in_the_first_step_with_a_sentence(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = ""
    test = testruns.run_now(smtp_route(1), recipient="ben@example.net")
    assert test.state == "failed"
    assert "From" in test.steps.get(place=0).problem or "sender" in test.steps.get(place=0).problem


@pytest.mark.django_db(transaction=True)
def test_an_unexpected_error_ends_the_test_with_a_sentence_and_a_line_in_the_log(caplog: Any, settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"UNKNOWN": 1}}  # a deployment that is set up wrongly
    test = testruns.run_now(smtp_route(1))
    assert test.state == "failed"
    assert "server's log" in test.verdict
    assert "Traceback" not in test.verdict
    assert str(test.pk) in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_stopped_test_runs_no_further_step() -> None:
    with server() as peer:

        def stop(connection: Any) -> bool:
            ConnectionTest.objects.update(cancel_requested=True)
            connections.close_all()  # this is the thread of the fake server
            connection.say("220 ready")
            return True

        peer.script = {"GREETING": [stop]}
        test = testruns.run_now(with_password(peer.port))
    assert test.state == "cancelled"
    assert test.verdict.startswith("Stopped on request after")
    assert states(test)["auth"] == states(test)["sender"] == StepState.NOT_RUN


@pytest.mark.django_db(transaction=True)
def test_a_test_that_is_stopped_before_it_starts_says_so() -> None:
    route = smtp_route(1)
    test = write(route, None, "", True)
    ConnectionTest.objects.update(cancel_requested=True)
    run(test, route)
    test.refresh_from_db()
    assert (test.state, test.verdict) == ("cancelled", "Stopped on request after 0 of 9 steps.")


def test_a_test_without_a_beat_shows_as_interrupted(anna: User) -> None:
    test = write(smtp_route(1), anna, "", True)
    assert test.shown_state == "running"
    test.steps.filter(place=0).update(state="running")
    test.beat_at = timezone.now() - timedelta(seconds=limits.TEST_LOST_SECONDS + 1)
    assert test.shown_state == "interrupted"
    first, *others = testruns.steps_of(test)
    assert (first.state, first.fact) == (StepState.NOT_RUN, "The test was interrupted here.")
    assert {step.state for step in others} == {StepState.NOT_RUN}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("saved", "left"), [(True, 0), (False, 1)])
def test_only_a_good_test_of_saved_values_lets_a_stopped_route_send_again(saved: bool, left: int) -> None:
    key = RouteKey(RouteKind.SMTP, "5a5db0c5-0000-4000-8000-0000000000aa")
    RouteState.objects.create(kind=key.kind, route_id=key.id, stopped=True, since=timezone.now())
    with server() as peer:
        route = with_password(peer.port)
        testruns.run_now(SmtpRoute(**{**vars(route), "key": key}), saved_values=saved)
    assert RouteState.objects.filter(stopped=True).count() == left


@pytest.mark.django_db(transaction=True)
def test_p12_a_test_of_saved_values_keeps_what_the_server_takes() -> None:
    key = RouteKey(RouteKind.SMTP, "5a5db0c5-0000-4000-8000-0000000000aa")
    with server(features=("SIZE 35000000",)) as peer:
        route = SmtpRoute(**{**vars(smtp_route(peer.port)), "key": key})
        testruns.run_now(route, saved_values=False)
        assert not RouteState.objects.exists()
        testruns.run_now(route)
    state = RouteState.objects.get()
    assert (state.key, state.size_limit, state.stopped) == (key, 35_000_000, False)
    assert state.size_limit_at is not None
    with server(features=()) as peer:
        testruns.run_now(SmtpRoute(**{**vars(route), "port": peer.port}))
    assert not RouteState.objects.filter(size_limit__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_s11_a_test_through_a_proxy_says_so_in_its_target_and_its_steps() -> None:
    with server() as peer, FakeProxy(ProxyKind.SOCKS5, {"localhost": peer.port}, sign_in=True) as proxy:
        test = testruns.run_now(smtp_route(peer.port, proxy=proxy.settings))
    assert test.target == f"localhost:{peer.port} · No encryption · through {proxy.settings}"
    assert states(test)["dns"] == StepState.NOT_RUN
    assert states(test)["sender"] == StepState.OK
    assert "Through the proxy to the server" in test.verdict


@pytest.mark.django_db(transaction=True)
def test_a_failed_test_leaves_a_stopped_route_stopped() -> None:
    key = RouteKey(RouteKind.SMTP, "5a5db0c5-0000-4000-8000-0000000000aa")
    RouteState.objects.create(kind=key.kind, route_id=key.id, stopped=True, since=timezone.now())
    testruns.run_now(SmtpRoute(**{**vars(smtp_route(1)), "key": key}))
    assert RouteState.objects.get().stopped


def test_five_tests_a_minute_and_then_a_sentence_with_the_wait(anna: User) -> None:
    for _ in range(limits.TESTS_PER_MINUTE):
        testruns.start(smtp_route(1), user=anna)
    with pytest.raises(testruns.TooManyTests, match=r"Wait \d+ seconds, then test again\."):
        testruns.start(smtp_route(1), user=anna)
    testruns.start(smtp_route(1), user=User.objects.create_user("ben"))  # each user has a count of their own
    ConnectionTest.objects.filter(asked_by=anna).update(started_at=timezone.now() - timedelta(seconds=61))
    testruns.start(smtp_route(1), user=anna)


def test_typed_values_are_kept_sealed_for_one_browser_session_and_fifteen_minutes(anna: User) -> None:
    draft = {"host": "localhost", "secret": CANARY}
    test = testruns.start(smtp_route(1), user=anna, saved_values=False, draft=draft, session_key="browser-1")
    assert CANARY not in test.draft
    assert testruns.open_draft(test, "browser-1") == draft
    assert testruns.open_draft(test, "browser-2") is None
    assert testruns.open_draft(test, "") is None
    ConnectionTest.objects.update(started_at=timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES, seconds=1))
    test.refresh_from_db()
    assert testruns.open_draft(test, "browser-1") is None
    ConnectionTest.forget_old_drafts()
    assert ConnectionTest.objects.get().draft == ""


def test_a_draft_does_not_open_in_the_row_of_another_test(anna: User) -> None:
    first = testruns.start(smtp_route(1), user=anna, draft={"secret": CANARY}, session_key="one")
    second = testruns.start(smtp_route(1), user=anna, draft={}, session_key="one")
    second.draft = first.draft
    assert testruns.open_draft(second, "one") is None


@pytest.mark.django_db(transaction=True)
def test_a_typed_password_is_nowhere_in_the_database_or_the_report() -> None:
    with server(users={"anna": CANARY}) as peer:
        test = testruns.run_now(with_password(peer.port, password=Secret(CANARY)), recipient="b@example.net")
    steps = testruns.steps_of(test)
    text = repr(list(ConnectionTest.objects.values())) + repr(steps) + testruns.report(test, steps)
    assert test.state != "failed"
    assert CANARY not in text
    assert PASSWORD not in text
    assert "Test of Test (localhost:" in text
