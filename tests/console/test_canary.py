"""P9, N1: no secret shows anywhere, in no encoding, though every server repeats it in every way it can.

Passwords, client secrets and tokens go through tests that fail and tests that pass; then every page of the console,
every report, the commands, the log and the tables are searched for them.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.console import urls
from mailadmin.core.redact import clean
from mailadmin.models import ConnectionTest, IntegratedService, OAuthService, SmtpConnection
from tests.console.rows_to_watch import delivery, smtp_row, wait_for
from tests.fakes import certificates
from tests.fakes.graph_server import TENANT, Microsoft, Says, entra_error, graph_error, jwt, token_body
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.traces import echoes, found_in, traces

STORED = 'canary-<"&é/+>-stored-5519'
TYPED = "canary-<'ü?=>-typed-7306"
CLIENT_SECRET = "canary~Xy8Q-client-1188"
TOKEN = jwt()  # its last part is a canary, too
SECRETS = (STORED, TYPED, CLIENT_SECRET, TOKEN, TOKEN.rpartition(".")[2])


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that is logged, down to DEBUG."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{self.format(record)} {record.args!r}")

    handler, logger = Keep(level=logging.DEBUG), logging.getLogger("mailadmin")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def administrator() -> Client:
    user = User.objects.create_user("anna", "anna@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    client = Client()
    client.force_login(user)
    return client


def service(server: Microsoft, name: str) -> OAuthService:
    row = IntegratedService(
        name=f"{name} app",
        cloud="custom",
        authority_host=server.host,
        graph_host=server.host,
        ca_pem=server.ca_pem.strip(),
        tenant=TENANT,
        client_id="3c1d22aa-86f1-41af-91ab-2d7cd011db47",
    )
    row.set_secret(CLIENT_SECRET)
    row.save()
    return OAuthService.objects.create(name=name, integrated_service=row, service_identity="shop@contoso.example")


def test_everything(client: Client) -> None:
    response = client.post(reverse("mailadmin:test-all"), {"recipient": "ben@example.net"})
    batch = response["Location"].rstrip("/").rpartition("/")[2]
    for thread in threading.enumerate():
        if thread.name == f"tests-{batch}":
            thread.join(30)


def test_values_on_the_screen(client: Client, port: int) -> None:
    typed = {
        "name": "Typed",
        "host": "localhost",
        "port": str(port),
        "security": "starttls",
        "ca_pem": certificates.authority().pem,
        "check_identity": "on",
        "auth": "password",
        "user_name": "anna",
        "secret": TYPED,
        "enabled": "on",
    }
    defaults = {"tls_minimum": "1.2", "family": "race", "idle_seconds": "60", "session_messages": "100"}
    defaults |= {"parallel": "4", "rate_messages": "0", "rate_seconds": "60", "on_unsure": "resend"}
    defaults |= {"sender_policy": "when-missing", "connect_timeout": "5", "command_timeout": "5"}
    defaults |= {"message_timeout": "9", "final_timeout": "60", "final_background_timeout": "600"}
    client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed | defaults)
    wait_for(ConnectionTest.objects.get(name="Typed"))


test_everything.__test__ = test_values_on_the_screen.__test__ = False  # type: ignore[attr-defined]  # steps, no tests


def pages(client: Client) -> dict[str, str]:
    """Return everything that the console answers to a GET, for every address and every row that fits it."""
    tests = list(ConnectionTest.objects.all())
    rows = {"oauth": OAuthService, "service": IntegratedService, "smtp": SmtpConnection}
    by_name: dict[str, list[Any]] = {word: [row.pk for row in model.objects.all()] for word, model in rows.items()}
    by_name |= {"test": [test.pk for test in tests], "fix": [test.pk for test in tests if test.state == "failed"]}
    by_name |= {"batch": list({test.batch for test in tests if test.batch})}
    by_name |= {"log": [delivery(attempts=({"accepted": False},)).pk]}
    found: dict[str, str] = {}
    for pattern in urls.urlpatterns:
        known = {"kind": "smtp", "entry": "credentials-refused", "place": 5, "number": 0, "domain": "contoso.example"}
        wanted = set(pattern.pattern.converters)
        word = "batch" if "batch" in str(pattern.name) else str(pattern.name).split("-")[0]
        for key in by_name.get(word, [UUID(int=0)]) if "pk" in wanted else [None]:
            values = {name: ({"pk": key} | known).get(name) for name in wanted}
            try:
                address = reverse(f"mailadmin:{pattern.name}", kwargs=values)
            except NoReverseMatch:
                continue
            answer = client.get(address)
            if answer.status_code == 405:
                break  # it only takes a POST
            if answer.status_code == 200:
                found[address] = answer.getvalue().decode()
                if "report" in str(pattern.name):
                    found[f"{address}?hosts=no"] = client.get(address, {"hosts": "no"}).getvalue().decode()
    return found


@pytest.mark.django_db(transaction=True)
def test_p9_n1_no_secret_is_on_any_page_in_any_report_log_or_table(
    administrator: Client, logged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(secret: str) -> SmtpServer:
        says = f"535 5.7.8 not {echoes(secret)}"
        return SmtpServer({"AUTH": [says] * 9}, identity=certificates.good(), features=("AUTH PLAIN", "STARTTLS"))

    refusal: dict[str, Any] = entra_error(7000215)
    refusal["error_description"] += f" {echoes(CLIENT_SECRET)}"
    told = graph_error("ErrorAccessDenied", f"{echoes(TOKEN)} {json.dumps(token_body(TOKEN))}")
    with (
        refuses(STORED) as refusing,
        refuses(TYPED) as refusing_typed,
        SmtpServer(identity=certificates.good(), features=("AUTH PLAIN", "STARTTLS"), users={"anna": STORED}) as taking,
        Microsoft(Says(202), tokens=(Says(401, refusal),)) as entra,
        Microsoft(Says(403, told), tokens=(Says(200, token_body(TOKEN)),)) as graph,
    ):
        for port, name in ((refusing.port, "Refusing"), (taking.port, "Taking")):
            smtp_row(port, name, STORED)
        service(entra, "No token")
        service(graph, "No mailbox")
        test_everything(administrator)
        test_values_on_the_screen(administrator, refusing_typed.port)
        with pytest.raises((SystemExit, Exception)):
            call_command("mailadmin_test", "--all", "--json")
        seen = pages(administrator)
    states = dict(ConnectionTest.objects.exclude(batch=None).values_list("name", "state"))
    assert states.pop("Taking") in ("ok", "warning")
    assert set(states.values()) == {"failed"}
    assert any("/report/" in address for address in seen)
    assert any("/support/" in address for address in seen)
    assert any("/compare/" in address for address in seen)
    assert any("/fix/" in address for address in seen)
    assert any("/tests/all/" in address for address in seen)

    call_command("dumpdata", "mailadmin", verbosity=0)
    printed = capsys.readouterr()
    seen |= {"log": "\n".join(logged), "commands and tables": printed.out + printed.err}
    assert json.dumps("Refusing") in printed.out
    told_where = {(where, secret): found_in(text, secret) for where, text in seen.items() for secret in SECRETS}
    assert not {where: what for where, what in told_where.items() if what}


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=6),
    st.binary(max_size=7),
)
def test_p9_what_a_server_says_loses_every_form_of_a_secret(secret: str, before: bytes) -> None:
    if not secret.isprintable() or secret != secret.strip():
        return
    assert found_in(clean(echoes(secret), [secret], limit=100_000), secret) == []


def test_the_search_finds_what_is_there() -> None:
    """The canary is alive: each echo is found by some trace."""
    for echo in echoes(STORED).split(" "):
        assert any(trace in echo for trace in traces(STORED)), echo
