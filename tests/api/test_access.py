"""Who may ask what: every address of the API, without a token, with a wrong one, and with each that is too small."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone

from mailadmin.api.authentication import NEEDS
from mailadmin.api.endpoints import api
from mailadmin.api.urls import urlpatterns
from mailadmin.core.clients import Scope, digest, new_token
from mailadmin.models import ApiClient, AuditEntry, SmtpConnection
from tests.api.conftest import Program, a_program
from tests.console.rows_to_watch import delivery

# One for all test processes: each must find the same tests.
NOBODYS = "01a200b8-75cd-783d-a926-ca62bc287d19"

pytestmark = pytest.mark.django_db

OPEN = {"docs", "openapi", "nothing"}  # they look themselves, and say nothing of any message
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the method and an address of every operation, as the description of the API lists them."""
    for path, methods in api.get_openapi_schema(path_prefix="/api/")["paths"].items():
        for method, said in methods.items():
            address = path.replace("{id}", NOBODYS).replace("{name}", "Relay A")
            yield said["operationId"], method.upper(), address


OPERATIONS = sorted(operations())
TOO_SMALL = [(*one, scope) for one in OPERATIONS for scope in Scope if scope not in NEEDS[one[0]].scopes]


def ask(client: Client, method: str, address: str, **headers: str) -> Any:
    body = {"data": "{}", "content_type": "application/json"} if method != "GET" else {}
    return client.generic(method, address, headers=headers or None, **body)


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no-store" in answer.headers["Cache-Control"]


def test_every_operation_is_in_the_table_and_every_row_of_it_is_one() -> None:
    assert [name for name, _method, _address in OPERATIONS] == sorted(NEEDS)


def test_every_address_is_an_operation_or_known_to_be_open() -> None:
    names = {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)}
    assert names == OPEN | {name.replace("_", "-") for name in NEEDS} | {"api-root"}


@pytest.mark.parametrize(("name", "method", "address"), OPERATIONS)
class TestWithoutAValidToken:
    """Every address is shut, and no answer tells whether what was asked for is there."""

    def test_none(self, name: str, method: str, address: str) -> None:
        answer = ask(Client(enforce_csrf_checks=True), method, address)
        assert_problem(answer, 401, "token-missing")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="mailadmin"'

    @pytest.mark.parametrize(
        "header", ["Bearer", "Bearer ", "Basic YTpi", "Token mla_x", "mla_x", "Bearer mla_x", f"Bearer {'x' * 5000}"]
    )
    def test_a_wrong_one(self, name: str, method: str, address: str, header: str) -> None:
        answer = ask(Client(enforce_csrf_checks=True), method, address, Authorization=header)
        assert answer.status_code == 401
        assert answer.json()["code"] in ("token-missing", "token-unknown")

    def test_a_cookie_opens_nothing(self, name: str, method: str, address: str) -> None:
        anna = User.objects.create_user("anna", is_superuser=True)
        client = Client()
        client.force_login(anna)
        assert_problem(ask(client, method, address), 401, "token-missing")


@pytest.mark.parametrize(("name", "method", "address", "scope"), TOO_SMALL)
def test_a_token_with_another_scope_is_too_small(name: str, method: str, address: str, scope: Scope) -> None:
    program = a_program(scope)
    answer = ask(program.ask, method, address)
    assert_problem(answer, 403, "scope-missing")
    assert answer.json()["scope"] == " ".join(NEEDS[name].scopes)
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    program.row.refresh_from_db()
    assert (program.row.minute_count, program.row.day_count) == (1, 0), "it is a request, and no message"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("address", sorted({address for _name, _method, address in OPERATIONS}))
def test_other_methods_are_refused_in_json(program: Program, method: str, address: str) -> None:
    if method in {one for _name, one, here in OPERATIONS if here == address}:
        return
    answer = ask(program.ask, method, address)
    assert_problem(answer, 405, "not-allowed")
    assert answer.headers["Allow"] in ("GET", "POST", "GET, POST")


@pytest.mark.parametrize("address", ["/api/", "/api/v1", "/api/v2/messages", "/api/v1/messages/1", "/api/v1/a%0Ab"])
def test_other_addresses_are_not_found_in_json(address: str) -> None:
    assert_problem(Client().get(address), 404, "not-found")


class TestTheToken:
    def test_one_that_nobody_has_costs_one_look_and_changes_nothing(self) -> None:
        a_program()
        with CaptureQueriesContext(connection) as seen:
            Client(headers={"Authorization": f"Bearer {new_token().reveal()}"}).get("/api/v1/messages")
        assert len(seen) == 1
        assert seen[0]["sql"].startswith("SELECT")

    def test_it_stands_in_no_log_no_row_and_no_answer(
        self, relay: SmtpConnection, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        program, lost = a_program(), new_token().reveal()
        answers = [
            program.send(),
            program.send({"to": program.token, "subject": 5}),
            program.post("/connections/Relay A/test"),
            program.get("/openapi.json"),
            Client(headers={"Authorization": f"Bearer {lost}"}).get("/api/v1/messages"),
            Client(headers={"Authorization": lost}).get("/api/v1/messages"),
        ]
        told = caplog.text + "".join(answer.content.decode() for answer in answers)
        told += str(list(AuditEntry.objects.values())) + str(list(ApiClient.objects.values()))
        assert program.token not in told
        assert lost not in told


class TestTokensThatAreOver:
    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"enabled": False}, "client-disabled"),
            ({"revoked_at": timezone.now()}, "token-revoked"),
            ({"expires_at": timezone.now() - timedelta(seconds=1)}, "token-expired"),
        ],
    )
    def test_each_is_refused_with_its_reason(self, values: dict[str, Any], code: str) -> None:
        program = a_program()
        for name, value in values.items():
            setattr(program.row, name, value)
        program.row.save()
        answer = program.get("/messages")
        assert_problem(answer, 401, code)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        program.row.refresh_from_db()
        assert program.row.last_used_at is None

    def test_one_that_ends_later_is_good(self) -> None:
        assert a_program(expires_at=timezone.now() + timedelta(minutes=1)).get("/messages").status_code == 200

    def test_the_old_one_is_no_good_when_there_is_a_new_one(self, program: Program) -> None:
        program.row.token_digest = digest(new_token().reveal())
        program.row.save()
        assert_problem(program.get("/messages"), 401, "token-unknown")


class TestWhatAClientSees:
    """Without the scope `read`, its own messages and no trace of others."""

    @pytest.fixture
    def rows(self) -> tuple[Program, Any, Any]:
        program = a_program(Scope.SEND, Scope.MANAGE)
        return program, delivery(client=program.row), delivery()

    def test_its_own_alone(self, rows: tuple[Program, Any, Any]) -> None:
        program, own, foreign = rows
        assert [one["id"] for one in program.get("/messages").json()["messages"]] == [str(own.pk)]
        assert program.get(f"/messages/{own.pk}").status_code == 200
        assert_problem(program.get(f"/messages/{foreign.pk}"), 404, "not-found")

    @pytest.mark.parametrize("action", ["cancel", "resend"])
    def test_nor_does_it_change_others(self, rows: tuple[Program, Any, Any], action: str) -> None:
        program, own, foreign = rows
        assert_problem(program.post(f"/messages/{foreign.pk}/{action}"), 404, "not-found")
        assert program.post(f"/messages/{own.pk}/{action}").status_code == 409

    def test_with_the_scope_all(self, rows: tuple[Program, Any, Any]) -> None:
        reader = a_program(Scope.READ, name="Monitor")
        assert len(reader.get("/messages").json()["messages"]) == 2
        assert reader.get(f"/messages/{rows[2].pk}").status_code == 200


class TestTheDescription:
    def test_a_token_opens_it(self) -> None:
        for scope in Scope:
            program = a_program(scope, name=scope)
            assert program.get("/openapi.json").json()["openapi"].startswith("3.")

    def test_nothing_else_does(self) -> None:
        assert_problem(Client().get("/api/v1/openapi.json"), 401, "token-missing")
        assert_problem(Client().post("/api/v1/openapi.json"), 405, "not-allowed")

    def test_but_who_may_see_the_clients(self) -> None:
        for role, status in (("Viewer", 401), ("Operator", 401), ("Administrator", 200)):
            user = User.objects.create_user(role)
            user.groups.add(Group.objects.get(name=role))
            client = Client()
            client.force_login(user)
            assert client.get("/api/v1/openapi.json").status_code == status
            assert client.get("/api/docs/").status_code == {401: 403, 200: 200}[status]

    def test_the_page_leads_strangers_to_the_sign_in(self) -> None:
        answer = Client().get("/api/docs/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=/api/docs/")
