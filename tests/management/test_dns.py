"""N10: `manage.py mailadmin_dns`, for monitoring and for CI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mailadmin.models import SenderDomain, Settings, SmtpConnection
from mailadmin.net import resolver
from tests.fakes.dns_server import Answer, DnsServer, Fault

pytestmark = pytest.mark.django_db
SOUND: dict[tuple[str, str], Answer] = {
    ("shop.example", "MX"): ["10 mx.shop.example."],
    ("mx.shop.example", "A"): ["203.0.113.1"],
    ("shop.example", "TXT"): ["v=spf1 ip4:8.8.4.4 -all"],
    ("smtp.relay.example", "A"): ["8.8.4.4"],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; rua=mailto:dmarc@shop.example"],
    ("other.example", "TXT"): ["hello"],
}


@pytest.fixture(autouse=True)
def dns(settings) -> Iterator[DnsServer]:
    settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL = "webmaster@localhost", "root@localhost"
    SmtpConnection.objects.create(
        name="Relay", host="smtp.relay.example", from_address="a@shop.example", sender_policy="force"
    )
    with DnsServer(SOUND) as server:
        row = Settings.load()
        row.resolvers = f"127.0.0.1:{server.address[1]}"
        row.save()
        yield server


def run(*words: str) -> tuple[int, str]:
    """Return exit code and output."""
    output = StringIO()
    try:
        call_command("mailadmin_dns", *words, stdout=output)
    except SystemExit as end:
        return int(str(end.code)), output.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, output.getvalue()


def test_n10_a_sound_domain_ends_with_0() -> None:
    """N10."""
    code, text = run()
    assert code == 0, text
    assert "shop.example (sent by Relay)" in text
    assert "SPF: ok: “Relay”: the address of smtp.relay.example is named." in text
    assert SenderDomain.objects.get().read_at


def test_warnings_end_with_1_and_errors_with_3(dns: DnsServer) -> None:
    dns.learn({("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none; rua=mailto:d@shop.example"]})
    assert run("shop.example")[0] == 1
    dns.learn({("shop.example", "TXT"): ["v=spf1 +all", "v=spf1 -all"]})
    code, text = run("shop.example")
    assert code == 3
    assert 'Publish: shop.example TXT "v=spf1 -all"' in text


def test_n10_json_for_machines() -> None:
    code, text = run("--json", "Other.example")
    (found,) = json.loads(text)
    assert code == 1
    assert (found["domain"], found["state"], found["routes"], found["problem"]) == ("other.example", "warning", [], "")
    spf = next(finding for finding in found["findings"] if finding["topic"] == "SPF")
    assert (spf["state"], spf["title"]) == ("warning", "There is no SPF record.")


def test_a_domain_that_nobody_uses_is_read_and_not_kept() -> None:
    assert "other.example (sent by no route)" in run("other.example")[1]
    assert not SenderDomain.objects.exists()


def test_a_dns_that_does_not_answer_ends_with_4(dns: DnsServer) -> None:
    dns.fault = Fault.SERVFAIL
    code, text = run()
    assert code == 4
    assert "could not be read: The DNS could not answer" in text
    code, text = run("--json")
    assert (code, json.loads(text)[0]["state"]) == (4, "not read")


def test_a_wrong_domain_ends_with_2() -> None:
    code, text = run("no domain")
    assert code == 2
    assert "is not a domain" in text


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver.importlib.util, "find_spec", lambda name: None)
    code, text = run()
    assert code == 4
    assert "mailadmin[dns]" in text


def test_without_any_domain_it_says_so() -> None:
    SmtpConnection.objects.all().delete()
    assert run() == (0, "No domain is in use.\n")
