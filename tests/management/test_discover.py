"""P4, P11: finding the server of an address from the command line."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from mailadmin.models import Settings
from tests.fakes import certificates
from tests.fakes.dns_server import DnsServer
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db


def discover(*arguments: str, records: dict[tuple[str, str], Any]) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    out = StringIO()
    with DnsServer(records) as dns:
        row = Settings.load()
        row.resolvers = f"{dns.address[0]}:{dns.address[1]}"
        row.save()
        try:
            call_command("mailadmin_discover", *arguments, stdout=out)
        except SystemExit as ended:
            return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_p4_p11_a_server_that_answers_is_told_and_the_exit_code_is_0(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_text(certificates.authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    from mailadmin.net import tls

    tls._kept_context.cache_clear()
    with SmtpServer(identity=certificates.good()) as server:
        records = {("_submission._tcp.example.org", "SRV"): [f"0 0 {server.port} localhost."]}
        code, text = discover("anna@example.org", records=records)
        again, told = discover("anna@example.org", "--json", records=records)
    tls._kept_context.cache_clear()
    assert (code, again) == (0, 0)
    assert "A server for anna@example.org answers as it should." in text
    assert f"localhost, port {server.port}, starttls (good)" in text
    assert "This name is not one of example.org" in text
    (one,) = json.loads(told)["candidates"]
    assert one["source"] == "srv" and one["needs_confirmation"] and one["mechanisms"] == ["PLAIN", "LOGIN"]


def test_p11_the_exit_code_is_1_when_no_server_was_seen_to_answer() -> None:
    code, text = discover(
        "shop@example.org", records={("example.org", "MX"): ["0 example-org.mail.protection.outlook.com."]}
    )
    assert code == 1
    assert text.startswith(
        "Mail for example.org goes to example-org.mail.protection.outlook.com, which is Microsoft 365."
    )
    assert "MX of example.org: example-org.mail.protection.outlook.com" in text


def test_p11_what_is_no_address_ends_with_2() -> None:
    with pytest.raises(CommandError, match="not an e-mail address") as caught:
        discover("anna", records={})
    assert caught.value.returncode == 2
