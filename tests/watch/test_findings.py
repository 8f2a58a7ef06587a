"""What is wrong now: one list, the worst first, each with the page that cures it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core.alerts import Event
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery import routes
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    ConnectionTest,
    Delivery,
    IntegratedService,
    OAuthService,
    RouteState,
    Settings,
    SmtpConnection,
)
from mailadmin.watch.finding import ERROR, WARNING, Finding
from mailadmin.watch.findings import findings, shown
from mailadmin.watch.of_secrets import Ending, endings, secret_findings
from mailadmin.watch.reading import read
from tests.console.rows_to_watch import delivery, finished_test, plain_row, smtp_row
from tests.fakes import certificates

from .done_rows import client_row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watched() -> None:
    """Somebody looks after the schedule, so that it is not what is found."""
    Settings.load()
    Settings.objects.update(watched_at=timezone.now())


def found(kind: str = "") -> list[Finding]:
    routes.forget()
    return [one for one in findings() if not kind or one.kind == kind]


def one(kind: str) -> Finding:
    (finding,) = found(kind)
    return finding


def state(row: SmtpConnection, **values: Any) -> None:
    RouteState.objects.create(kind=row.kind, route_id=row.pk, since=timezone.now(), **values)


def a_test(row: SmtpConnection, outcome: str = "ok", minutes_ago: float = 0, **values: Any) -> ConnectionTest:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    digest = testruns.digest_of(row.to_route())
    return finished_test(outcome, route_id=row.pk, name=row.name, digest=digest, started_at=at, **values)


def app(**values: Any) -> IntegratedService:
    defaults = {"name": "Contoso app", "tenant": "contoso.org", "client_id": "5a5db0c5-0000-4000-8000-000000000002"}
    row = IntegratedService(**(defaults | values))
    row.set_secret("a client secret")
    row.save()
    return row


class TestRoutes:
    def test_all_is_well(self) -> None:
        a_test(plain_row(25))
        assert found() == []

    def test_a_new_installation_has_nothing_to_complain_of(self) -> None:
        assert found() == []

    def test_every_route_switched_off_is_an_error(self) -> None:
        plain_row(25, enabled=False)
        finding = one("none-enabled")
        assert (finding.tone, finding.event) == (ERROR, Event.FAILING)
        assert finding.path == "/oauth/"

    def test_that_no_mail_leaves_at_all_comes_first(self) -> None:
        first, second = plain_row(25), plain_row(26, name="Relay B")
        state(first, stopped=True, failing=True, reason="Wrong password.", code="credentials-refused")
        assert found("none-usable") == []
        state(second, stopped=True, failing=True, reason="It is gone.", code="tcp-refused")
        finding = found()[0]
        assert (finding.kind, finding.tone, finding.event) == ("none-usable", ERROR, None)  # each of them is told
        assert finding.title == "No mail leaves: none of the 2 connections can be used."
        assert finding.path == f"/smtp/{first.pk}/"

    def test_that_everything_is_paused_is_somebodys_wish(self) -> None:
        for port, name in ((25, "Relay A"), (26, "Relay B")):
            state(plain_row(port, name=name), paused=True, paused_by="anna")
        assert found("none-usable") == []

    def test_a_stopped_route_is_an_error_with_its_entry_and_its_form(self) -> None:
        row = plain_row(25)
        a_test(row)
        state(row, stopped=True, failing=True, reason="Wrong password.", code="credentials-refused")
        finding = one("stopped")
        assert finding.title == "“Relay A” is stopped: no message goes by it."
        assert (finding.text, finding.code, finding.tone) == ("Wrong password.", "credentials-refused", ERROR)
        assert finding.route == RouteKey(RouteKind.SMTP, str(row.pk))
        assert finding.key == f"route:smtp:{row.pk}:failing"
        assert finding.path == f"/smtp/{row.pk}/"
        assert len(finding.key) <= 160

    def test_a_failing_route_is_a_warning_under_the_same_key_so_that_one_trouble_is_one_alert(self) -> None:
        row = plain_row(25)
        a_test(row)
        state(row, failing=True, reason="It timed out.", open_until=timezone.now() + timedelta(minutes=1))
        finding = one("resting")
        assert finding.text.startswith("It timed out. It rests until ")
        assert (finding.tone, finding.key) == (WARNING, f"route:smtp:{row.pk}:failing")

    def test_settings_that_cannot_be_read_are_an_error(self) -> None:
        plain_row(25)
        SmtpConnection.objects.update(family="pigeon")
        assert one("broken").title == "“Relay A” cannot be used: no message goes by it."

    def test_a_paused_route_tells_who_paused_it(self) -> None:
        row = plain_row(25)
        a_test(row)
        state(row, paused=True, paused_by="otto", paused_at=timezone.now())
        finding = one("paused")
        assert "Paused by otto." in finding.text
        assert finding.event is None
        assert finding.path == "/outbox/#pauses-title"

    def test_a_latest_test_that_failed_is_told_with_its_verdict(self) -> None:
        row = plain_row(25)
        test = a_test(row, "failed", verdict="Step 3 of 9 failed: Connection.")
        finding = one("test-failed")
        assert "Step 3 of 9 failed" in finding.text
        assert finding.path == f"/tests/{test.pk}/"
        delivery(attempts=({"route_id": row.pk, "accepted": True},), minutes_ago=-1)
        assert found() == []

    @pytest.mark.parametrize("state", ["running", "cancelled", "interrupted"])
    def test_a_test_without_an_end_of_its_own_counts_for_nothing(self, state: str) -> None:
        row = plain_row(25)
        a_test(row, state)
        assert one("untested").path == f"/smtp/{row.pk}/"

    def test_n13_a_change_after_the_test_is_told_until_it_is_tested_or_used(self) -> None:
        """N13."""
        row = plain_row(25)
        a_test(row)
        row.port = 26
        row.save()
        assert one("changed").title == "“Relay A” was changed and not tested since."
        a_test(row)
        assert found() == []
        row.port = 27
        row.save()
        assert one("changed")
        delivery(attempts=({"route_id": row.pk, "accepted": True},), minutes_ago=-1)
        assert found() == []

    def test_n13_a_new_name_or_order_is_no_change_that_a_test_would_prove(self) -> None:
        """N13."""
        row = plain_row(25)
        a_test(row)
        row.name, row.order, row.label = "Another name", 7, "shop"
        row.save()
        assert found() == []

    def test_n13_a_new_secret_of_the_service_behind_it_is_a_change(self) -> None:
        """N13."""
        service = app()
        row = OAuthService.objects.create(name="365", integrated_service=service, service_identity="x@y.example")
        digest = testruns.digest_of(row.to_route())
        finished_test("ok", kind="oauth", route_id=row.pk, name=row.name, digest=digest)
        assert found() == []
        service.set_secret("the next client secret")
        service.save()
        finding = one("changed")
        assert finding.route == RouteKey(RouteKind.OAUTH, str(row.pk))

    def test_a_test_that_kept_no_digest_is_compared_by_its_time(self) -> None:
        row = plain_row(25)
        finished_test("ok", route_id=row.pk)
        assert found() == []
        row.save()
        assert one("changed")

    def test_a_route_that_is_switched_off_is_no_trouble(self) -> None:
        a_test(plain_row(25))
        row = plain_row(26, name="Relay B", enabled=False)
        state(row, stopped=True, failing=True)
        assert found() == []


class TestMail:
    def test_silence_is_an_error(self) -> None:
        a_test(plain_row(25))
        delivery(DeliveryState.FAILED, minutes_ago=60 * 25)
        finding = one("silence")
        assert finding.title == "No message got through for 1 day, although some were due."
        assert (finding.tone, finding.event, finding.key) == (ERROR, Event.SILENCE, "mail:silence")

    def test_what_is_held_on_purpose_is_not_silent(self) -> None:
        a_test(plain_row(25))
        delivery(DeliveryState.FAILED, minutes_ago=60 * 25)
        Settings.objects.update(sending="held")
        assert [finding.kind for finding in found()] == ["sending"]

    def test_fallback_names_the_preferred_route(self) -> None:
        row = plain_row(25)
        a_test(row, minutes_ago=5)
        delivery(DeliveryState.FALLBACK, route_name="Relay B")
        delivery(DeliveryState.SENDING, minutes_ago=0)
        finding = one("fallback")
        assert (finding.event, finding.name) == (Event.FALLBACK, "Relay A")
        assert finding.text == "“Relay A” did not take the latest message, so “Relay B” sent it."
        assert finding.path == "/log/?state=sent-by-fallback"

    def test_fallback_is_over_when_the_preferred_route_was_tested_well_since(self) -> None:
        row, fallback = plain_row(25), plain_row(26, name="Relay B", order=1)
        a_test(row, minutes_ago=10)
        a_test(fallback)
        delivery(DeliveryState.FALLBACK, route_name="Relay B", route_id=fallback.pk, minutes_ago=5)
        assert one("fallback").name == "Relay A"
        a_test(row)
        assert found() == []

    def test_fallback_accuses_no_route_of_several_and_none_that_comes_after(self) -> None:
        rows = [plain_row(25 + number, name=f"Relay {number}", order=number) for number in range(3)]
        for row in rows:
            a_test(row, minutes_ago=10)
        message = delivery(DeliveryState.FALLBACK, route_name="Relay 2", route_id=rows[2].pk)
        finding = one("fallback")
        assert (finding.name, finding.route) == ("", None)
        assert finding.text == "A preferred route did not take the latest message, so “Relay 2” sent it."
        Delivery.objects.filter(pk=message.pk).update(route_id=rows[0].pk)  # as after a change of the order
        assert found() == []

    def test_direct_messages_that_may_have_arrived_are_counted_for_a_day(self) -> None:
        a_test(plain_row(25))
        delivery(DeliveryState.UNSURE)
        delivery(DeliveryState.UNSURE, minutes_ago=60 * 25)
        assert one("unsure").title == "1 message of the last day may have arrived."


class TestEndings:
    @pytest.mark.parametrize(
        ("days", "stage"),
        [
            (61, None),
            (60, 60),
            (31, 60),
            (30, 30),
            (15, 30),
            (14, 14),
            (8, 14),
            (7, 7),
            (2, 7),
            (1, 1),
            (0, 1),
            (-1, 0),
        ],
    )
    def test_n5_each_stage_is_a_finding_of_its_own(self, days: int, stage: int | None) -> None:
        """N5."""
        a_test(plain_row(25))
        row = app(credential_ends_on=timezone.localdate() + timedelta(days=days))
        keys = [finding.key for finding in found("expiry")]
        assert keys == ([] if stage is None else [f"expiry:service:{row.pk}:first:{stage}"])

    def test_n5_what_is_far_off_is_told_once_and_is_no_banner_yet(self) -> None:
        """N5."""
        a_test(plain_row(25))
        app(credential_ends_on=timezone.localdate() + timedelta(days=45))
        finding = one("expiry")
        assert finding.early
        assert finding.event is Event.EXPIRY
        assert shown(found()) == []
        Settings.objects.update(secret_warning_days=50)
        assert shown(found())

    def test_n5_a_second_credential_is_no_error_when_it_ends(self) -> None:
        """N5."""
        a_test(plain_row(25))
        row = app(credential_ends_on=timezone.localdate() - timedelta(days=2), second_kind="secret")
        row.second_secret.set("another")
        row.second_ends_on = timezone.localdate() - timedelta(days=1)
        row.save()
        first, second = found("expiry")
        assert (first.tone, second.tone) == (ERROR, WARNING)
        assert first.title == f"The client secret of “Contoso app” ended on {_day(-2)}."
        assert "Entra refuses it" in first.text

    def test_the_certificates_of_a_connection_are_read(self) -> None:
        row = smtp_row(25)
        a_test(row)
        own = certificates.good()
        row.client_certificate = own.certificate
        row.client_key.set(own.key)
        row.save()
        nouns = {ending.noun for ending in endings(read())}
        assert {"own CA certificate", "client certificate"} <= nouns

    def test_a_bundle_ends_with_its_last_certificate(self) -> None:
        row = plain_row(
            25, security="starttls", ca_pem=f"{certificates.authority().pem}\n{certificates.expired().certificate}"
        )
        a_test(row)
        (ending,) = endings(read())
        assert ending.days > 0

    def test_n5_a_server_s_certificate_is_told_as_the_last_test_saw_it(self) -> None:
        """N5."""
        row = plain_row(25, security="starttls")
        for days, expected in ((15, None), (14, 14), (6, 7), (-1, 0)):
            ConnectionTest.objects.all().delete()
            test = a_test(row)
            ends = timezone.localdate() + timedelta(days=days)
            test.steps.create(place=1, key="tls", title="Encryption", certificate_ends_on=ends)
            keys = [finding.key for finding in found("expiry")]
            assert keys == ([f"expiry:smtp:{row.pk}:server:{ends:%Y%m%d}:{expected}"] if expected is not None else [])

    def test_n5_a_server_s_certificate_that_nobody_looked_at_since_is_not_said_to_have_ended(self) -> None:
        """N5: where no schedule runs, the test that saw it may be old, and the server has the next one."""
        row = plain_row(25, security="starttls")
        test = a_test(row, minutes_ago=60 * 24 * 20)
        ends = timezone.localdate() - timedelta(days=3)
        test.steps.create(place=1, key="tls", title="Encryption", certificate_ends_on=ends)
        assert "test the connection to see whether it was renewed since." in one("expiry").text
        delivery(attempts=({"route_id": row.pk, "accepted": True},))
        assert found() == []

    def test_s18_the_token_of_an_api_client_is_told_of_while_it_is_used(self) -> None:
        client = client_row(name="Shop", expires_at=timezone.now() + timedelta(days=6))
        clients = ApiClient.objects.filter(pk=client.pk)
        assert found("expiry") == []
        clients.update(last_used_at=timezone.now())
        said = one("expiry")
        assert said.title == "The API token of “Shop” ends in 6 days."
        assert said.key == f"expiry:client:{client.pk}:7"
        assert said.path == f"/settings/clients/{client.pk}/"
        clients.update(expires_at=timezone.now() - timedelta(days=2))
        assert "its requests are refused" in one("expiry").text
        clients.update(revoked_at=timezone.now())
        assert found("expiry") == []

    def test_the_next_to_end_comes_first(self) -> None:
        every = [Ending(str(days), "secret", "App", timezone.localdate(), days, ()) for days in (3, -1, 20)]
        assert [finding.tone for finding in secret_findings(every)] == [WARNING, ERROR, WARNING]


def _day(days: int) -> str:
    day = timezone.localdate() + timedelta(days=days)
    return f"{day.day} {day:%b %Y}"


class TestInstallation:
    def test_a_missing_key_comes_first(self, settings: Any) -> None:
        a_test(plain_row(25))
        settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": "/nowhere/keys"}
        first = found()[0]
        assert (first.kind, first.tone, first.event) == ("key", ERROR, Event.FAILING)

    def test_redirected_mail_says_where_it_goes(self) -> None:
        a_test(plain_row(25))
        Settings.objects.update(sending="redirected", redirect_to="qa@test.example", spared="ours.example")
        finding = one("sending")
        assert finding.title == "All mail goes to qa@test.example."
        assert finding.text.endswith("Except for: ours.example.")

    @pytest.mark.parametrize(("minutes", "late"), [(60, 89), (60, 91), (0, 10_000), (600, 899), (600, 901)])
    def test_n11_a_schedule_that_nobody_looks_after_is_told(self, minutes: int, late: int) -> None:
        """N11: the dead man's switch."""
        a_test(plain_row(25))
        Settings.objects.update(probe_minutes=minutes, watched_at=timezone.now() - timedelta(minutes=late))
        assert bool(found("watch")) is bool(minutes and late > max(1.5 * minutes, 15))

    def test_n11_nobody_ever_looked(self) -> None:
        a_test(plain_row(25))
        Settings.objects.update(watched_at=None)
        assert found() == []  # it was set up a moment ago
        SmtpConnection.objects.update(created_at=timezone.now() - timedelta(hours=2))
        assert one("watch").title == "Scheduled tests do not run: nobody looked after them so far."

    def test_p8_alerts_need_somebody_to_look_too(self) -> None:
        a_test(plain_row(25))
        Settings.objects.update(probe_minutes=0, watched_at=timezone.now() - timedelta(hours=1))
        assert found() == []
        AlertChannel.objects.create(name="Ops", recipients="ops@example.org")
        assert one("watch").title == "Alerts do not run: nobody looked after them for 1 hour."

    def test_n16_the_radar_has_the_date_and_the_way_to_the_twin(self) -> None:
        """N16."""
        row = SmtpConnection(
            name="Exchange", host="smtp.office365.com", auth="password", user_name="shop@contoso.example"
        )
        row.set_secret("a password")
        row.save()
        a_test(row)
        service = app()
        finding = one("radar")
        assert [link.text for link in finding.links] == ["What that means, and the way to Graph", "Make the Graph twin"]
        assert "Microsoft" in finding.text
        twin = OAuthService.objects.create(
            name="Twin", integrated_service=service, service_identity="shop@contoso.example"
        )
        finished_test("ok", kind="oauth", route_id=twin.pk, digest=testruns.digest_of(twin.to_route()))
        assert found() == []

    def test_a_log_that_is_switched_off_is_said(self, settings: Any) -> None:
        a_test(plain_row(25))
        settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY_LOG": False}
        assert one("log").tone == WARNING


def test_errors_come_first_and_what_is_only_told_early_last() -> None:
    row = plain_row(25)
    a_test(row)
    state(row, stopped=True, failing=True, reason="Wrong password.")
    plain_row(26, name="Relay B")
    app(credential_ends_on=timezone.localdate() + timedelta(days=45))
    app(name="Other app", credential_ends_on=timezone.localdate() + timedelta(days=5))
    a_test(plain_row(27, name="Relay C"), "failed")
    assert [(finding.tone, finding.kind, finding.early) for finding in found()] == [
        (ERROR, "stopped", False),
        (WARNING, "test-failed", False),
        (WARNING, "expiry", False),
        (WARNING, "untested", False),
        (WARNING, "expiry", True),
    ]


def test_every_finding_is_json_and_has_no_secret() -> None:
    row = smtp_row(25, password="canary-password-5521")
    state(row, stopped=True, failing=True, reason="Wrong password.")
    app(credential_ends_on=timezone.localdate())
    assert "canary" not in repr([finding.as_data() for finding in found()])
    assert all(finding.path for finding in found())


def test_the_number_of_statements_does_not_grow_with_routes_tests_and_messages() -> None:
    counts = []
    for round_number in range(2):
        for number in range(3):
            row = plain_row(25 + number, name=f"Relay {round_number} {number}")
            a_test(row)
            a_test(row, "failed")
            delivery(DeliveryState.FALLBACK, attempts=({"route_id": row.pk},))
        read()
        with CaptureQueriesContext(connection) as queries:
            found()
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 23
