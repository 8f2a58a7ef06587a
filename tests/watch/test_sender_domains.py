"""N10: which domains mail is sent from, by which routes, and when their DNS is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from mailadmin.models import IntegratedService, OAuthService, SenderDomain, Settings, SmtpConnection
from mailadmin.watch import sender_domains as domains
from mailadmin.watch.sender_domains import DomainInUse, refresh, refresh_due, sender_domain, sender_domains
from tests.fakes.dns_server import DnsServer, Fault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_senders_in_settings(settings) -> None:
    settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL = "webmaster@localhost", "root@localhost"


@pytest.fixture(autouse=True)
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "_rests", {})


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A resolver that knows one domain."""
    with DnsServer({("shop.example", "TXT"): ["v=spf1 -all"], ("r.example", "A"): ["8.8.4.4"]}) as server:
        row = Settings.load()
        row.resolvers = f"127.0.0.1:{server.address[1]}"
        row.save()
        yield server


def by_graph(name: str = "Graph", cloud: str = "global", **values: str) -> OAuthService:
    app = IntegratedService.objects.create(name=f"App of {name}", tenant="shop.example", cloud=cloud)
    return OAuthService.objects.create(name=name, integrated_service=app, **values)


def found(name: str) -> DomainInUse:
    one = sender_domain(name)
    assert one
    return one


def senders(name: str) -> list[tuple[str, str, bool]]:
    """Return name, envelope domain and "in From" of each route that sends as the domain."""
    return [(sends.name, sends.envelope, sends.in_from) for _, sends in found(name).routes]


def test_n10_every_place_that_names_a_sender_is_looked_at(settings) -> None:
    """N10."""
    settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL = "Shop <Shop@Default.example>", "root@server.example"
    by_graph(
        service_identity="a@identity.example", mailboxes="b@mailbox.example", send_as="c@sendas.example all.example"
    )
    SmtpConnection.objects.create(
        name="Relay",
        host="r.example",
        from_address="d@from.example",
        envelope_sender="e@envelope.example",
        only_for_senders="listed.example, f@only.example",
    )
    SenderDomain.objects.create(domain="added.example")
    assert [one.domain for one in sender_domains()] == sorted(
        f"{name}.example"
        for name in (
            *("default", "server", "identity", "mailbox", "sendas", "all", "from", "envelope", "listed", "only"),
            "added",
        )
    )
    assert found("default.example").sources == ("DEFAULT_FROM_EMAIL in Django's settings",)
    assert found("envelope.example").sources == ("the envelope sender of “Relay”",)
    assert found("sendas.example").sources == ("a Send-As address of “Graph”",)


def test_names_that_the_dns_cannot_know_are_left_out() -> None:
    SmtpConnection.objects.create(name="Relay", host="r.example", from_address="root@localhost")
    assert sender_domains() == []


def test_a_route_that_is_off_sends_as_nobody() -> None:
    SmtpConnection.objects.create(name="Off", host="r.example", from_address="a@shop.example", enabled=False)
    assert sender_domains() == []


def test_n10_a_connection_that_takes_any_sender_sends_as_every_domain() -> None:
    """A fallback carries the mail of the service before it, and SPF must name it, too."""
    by_graph(service_identity="a@shop.example")
    SmtpConnection.objects.create(name="Any", host="r.example")
    SmtpConnection.objects.create(name="Own", host="r.example", from_address="x@own.example", sender_policy="force")
    SmtpConnection.objects.create(name="Only", host="r.example", only_for_senders="only.example")
    assert [name for name, _, _ in senders("shop.example")] == ["Graph", "Any"]
    assert [name for name, _, _ in senders("own.example")] == ["Any", "Own"]
    assert [name for name, _, _ in senders("only.example")] == ["Any", "Only"]


def test_n10_the_envelope_sender_is_a_domain_of_its_own() -> None:
    SmtpConnection.objects.create(
        name="Relay", host="r.example", from_address="a@shop.example", envelope_sender="b@bounces.example"
    )
    SmtpConnection.objects.create(name="Any", host="r.example")
    assert senders("shop.example") == [("Any", "shop.example", True), ("Relay", "bounces.example", True)]
    assert senders("bounces.example") == [("Relay", "bounces.example", False)]


@pytest.mark.parametrize(
    ("cloud", "include"),
    [
        ("global", ("spf.protection.outlook.com",)),
        ("gcc-high", ("spf.protection.office365.us",)),
        ("dod", ("spf.protection.office365.us",)),
        ("china", ("spf.protection.partner.outlook.cn",)),
        ("custom", ()),
    ],
)
def test_n10_each_cloud_of_microsoft_has_its_include(cloud: str, include: tuple[str, ...]) -> None:
    by_graph(cloud=cloud, service_identity="a@shop.example")
    ((_, sends),) = found("shop.example").routes
    assert (sends.includes, sends.selectors) == (include, ("selector1", "selector2"))


def test_n10_a_connection_is_known_by_its_server() -> None:
    SmtpConnection.objects.create(name="M", host="SMTP.office365.us", from_address="a@shop.example")
    SmtpConnection.objects.create(name="S", host="smtp.sendgrid.net", from_address="a@shop.example")
    by_name = {sends.name: sends for _, sends in found("shop.example").routes}
    assert by_name["M"].includes == ("spf.protection.office365.us",)
    assert (by_name["S"].provider, by_name["S"].includes) == ("Twilio SendGrid", ("sendgrid.net",)) or by_name[
        "S"
    ].includes


def test_a_domain_of_a_provider_is_told(settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "somebody@gmail.com"
    assert found("gmail.com").provider


def test_n10_a_reading_is_kept_with_its_time(dns: DnsServer) -> None:
    SmtpConnection.objects.create(name="Relay", host="r.example", from_address="a@shop.example")
    assert found("shop.example").findings() == []
    refresh(found("shop.example"))
    row = SenderDomain.objects.get()
    assert row.read_at
    assert timezone.now() - row.read_at < timedelta(minutes=1)
    kept = found("shop.example")
    assert kept.reading
    assert kept.reading.spf.records["shop.example"] == ("v=spf1 -all",)
    assert "“Relay”: r.example is not named." in [finding.title for finding in kept.findings()]


def test_what_an_older_version_kept_is_read_anew(dns: DnsServer) -> None:
    SenderDomain.objects.create(domain="shop.example", reading={"domain": "shop.example", "colour": "red"})
    assert found("shop.example").reading is None
    assert refresh(found("shop.example")).reading


def test_n10_the_worker_reads_once_a_day_what_a_person_read(dns: DnsServer) -> None:
    SmtpConnection.objects.create(name="Relay", host="r.example", from_address="a@shop.example")
    SenderDomain.objects.create(domain="other.example")
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False) as clock:
        refresh(found("shop.example"))
        clock.shift(timedelta(hours=23))
        assert refresh_due() == ""
        clock.shift(timedelta(hours=2))
        assert [refresh_due(), refresh_due()] == ["shop.example", ""]


def test_n10_a_domain_whose_servers_do_not_answer_keeps_the_worker_from_no_other(dns: DnsServer) -> None:
    SmtpConnection.objects.create(name="Relay", host="r.example", from_address="a@shop.example")
    refresh(found("shop.example"))
    long_ago = timezone.now() - timedelta(days=2)
    SenderDomain.objects.update(read_at=long_ago)
    SenderDomain.objects.create(domain="broken.example", read_at=long_ago - timedelta(days=1))
    answers, dns.fault = dns.fault, Fault.SERVFAIL
    assert refresh_due() == "broken.example"
    dns.fault = answers
    assert [refresh_due(), refresh_due()] == ["shop.example", ""]
    assert found("shop.example").row.read_at > long_ago


def test_n10_the_worker_leaves_a_dead_resolver_alone(dns: DnsServer) -> None:
    SmtpConnection.objects.create(name="Relay", host="r.example", from_address="a@shop.example")
    refresh(found("shop.example"))
    SenderDomain.objects.update(read_at=timezone.now() - timedelta(days=2))
    dns.fault = Fault.SERVFAIL
    assert refresh_due() == "shop.example"
    assert refresh_due() == ""
    assert found("shop.example").reading
