"""Alerts by e-mail (P8): by another route than the failing one, in the log, and no loop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.alert_texts import example
from mailadmin.core.alerts import LABEL
from mailadmin.delivery import routes
from mailadmin.models import Alert, AlertChannel, AlertDelivery, Delivery, Incident, Settings
from mailadmin.watch import alerts
from mailadmin.watch.alerts import news
from mailadmin.watch.alerts.deliver import deliver
from mailadmin.watch.alerts.looking import write_alert
from tests.console.rows_to_watch import finished_test
from tests.delivery.conftest import Peers, add_oauth, add_smtp, plain
from tests.fakes.smtp_server import SmtpServer

from .alert_rows import mail_channel, mend, outcomes, stop

pytestmark = pytest.mark.django_db


def test_an_alert_goes_by_another_route_than_the_one_it_is_about(peers: Peers) -> None:
    oauth = add_oauth(peers)
    add_smtp(peers)
    mail_channel(recipients="ops@example.org, Night <night@example.org>")
    stop(oauth, "The client secret has ended.", "aadsts-7000222")
    alerts.look()
    (arrived,) = peers.arrived
    assert arrived.via == "smtp"
    assert arrived.recipients == ["ops@example.org", "night@example.org"]
    parsed = arrived.parsed
    assert parsed["Subject"].strip() == "[mail] “Contoso 365” is stopped: no message goes by it."
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in parsed.walk()][1:] == ["text/plain", "text/html"]
    row = AlertDelivery.objects.get()
    assert (row.state, row.detail) == ("sent", "Sent by “Relay A”.")
    logged = Delivery.objects.get(pk=row.log_id)
    assert (logged.label, logged.mode, logged.state) == (LABEL, "direct", "sent")
    assert logged.skipped == [["Contoso 365", "The message is about this very route, which fails."]]


def test_an_alert_goes_by_graph_when_the_smtp_connection_fails(peers: Peers) -> None:
    add_oauth(peers)
    stop(add_smtp(peers))
    mail_channel()
    alerts.look()
    assert peers.ways() == ["graph"]


def test_without_another_route_the_alert_says_so_and_is_tried_again(peers: Peers) -> None:
    stop(add_smtp(peers))
    mail_channel()
    alerts.look()
    assert peers.arrived == []
    row = AlertDelivery.objects.get()
    assert (row.state, row.tries) == ("waiting", 1)
    assert "The message is about this very route, which fails." in row.detail
    assert not Delivery.objects.exists()  # four tries of each alert would hide what failed beside them


def test_a_route_that_only_a_test_found_failing_does_not_carry_the_alert_either(peers: Peers) -> None:
    """A good route comes first in the order, but its test failed: the alert about another one must not go by it."""
    first, second = add_smtp(peers, "Relay A"), add_smtp(peers, "Relay B", order=1)
    add_smtp(peers, "Relay C", order=2)
    mail_channel()
    stop(first)
    stop(second)
    alerts.look()
    assert {row.detail for row in AlertDelivery.objects.all()} == {"Sent by “Relay C”."}


def test_n5_that_a_certificate_ends_is_told_by_the_only_route_though_it_is_about_it(peers: Peers) -> None:
    """N5: the route works for another month."""
    row = add_smtp(peers)
    mail_channel()
    days = timezone.localdate() + timedelta(days=10)
    test = finished_test("ok", route_id=row.pk, name=row.name, digest=testruns.digest_of(row.to_route()))
    test.steps.create(place=1, key="tls", title="Encryption", certificate_ends_on=days)
    alerts.look()
    (arrived,) = peers.arrived
    assert "The server's certificate of “Relay A” ends in 10 days." in arrived.parsed["Subject"]


def test_that_the_only_route_has_recovered_is_told_by_it(peers: Peers) -> None:
    row = add_smtp(peers)
    mail_channel(events=["recovered"])
    stop(row)
    alerts.look()
    mend(row)
    routes.forget()
    alerts.look()
    Incident.objects.update(well_at=timezone.now() - timedelta(seconds=limits.ALERT_SETTLE_SECONDS + 1))
    alerts.look()
    (arrived,) = peers.arrived
    assert arrived.parsed["Subject"].strip() == "[mail] “Relay A” is no longer failing."


def test_an_alert_that_fails_is_no_loop(peers: Peers) -> None:
    stop(add_smtp(peers, "Relay A"))
    with SmtpServer({"MAIL": ["451 4.3.0 Not now"] * 40}) as bad:
        plain(bad, "Relay B", order=1)
        mail_channel()
        for _ in range(5):
            alerts.look()
    assert news.take() == {}
    assert [row.event for row in Alert.objects.all()].count("failing") <= 2  # of A, and of B, each once
    assert not Alert.objects.filter(event__in=("fallback", "unsure")).exists()


def test_held_mail_holds_alerts_by_e_mail_too_and_the_delivery_says_so(peers: Peers) -> None:
    stop(add_smtp(peers, "Relay A"))
    add_smtp(peers, "Relay B", order=1)
    mail_channel()
    Settings.load()
    Settings.objects.update(sending="held")
    Settings.bump()
    alerts.look()
    assert peers.arrived == []
    (row,) = AlertDelivery.objects.filter(alert__event="failing")
    assert (row.state, "held" in row.detail) == ("waiting", True)
    assert not Delivery.objects.exists()


def test_recipients_that_are_refused_are_counted(peers: Peers) -> None:
    stop(add_smtp(peers, "Relay A"))
    with SmtpServer({"RCPT": ["550 5.1.1 no such user", None]}) as server:
        plain(server, "Relay B", order=1)
        mail_channel(recipients="gone@example.org, ops@example.org")
        alerts.look()
    row = AlertDelivery.objects.get()
    assert row.detail == "Sent by “Relay B”. 1 of 2 recipients did not get it; the log says why."


def test_nothing_enabled_at_all_is_told_as_it_is(db: Any) -> None:
    mail_channel()
    write_alert(example(""), list(AlertChannel.objects.all()))
    deliver()
    assert outcomes() == [("Mail", "failed", 1)]
    assert "No SMTP connection or OAuth service is enabled" in AlertDelivery.objects.get().detail
