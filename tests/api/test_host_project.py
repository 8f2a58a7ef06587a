"""The API in somebody else's project: under a prefix of its own, beside its middleware, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path

from mailadmin.models import Delivery, SmtpConnection
from tests.api.conftest import EVENT, a_program

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def own_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("The shop.")


def nosy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that reads each request before anybody else does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.POST.get("x")
        return get_response(request)

    return middleware


urlpatterns = [path("", own_page), path("mail/api/", include("mailadmin.api.urls"))]


@pytest.fixture
def host_project(settings: Any) -> None:
    """A project that wants a sign-in everywhere."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    settings.LOGIN_URL = "/in/"


@pytest.mark.django_db
class TestUnderAPrefix:
    def test_a_message_is_taken(self, host_project: None, relay: SmtpConnection) -> None:
        answer = a_program().ask.post("/mail/api/v1/messages", EVENT, content_type="application/json")
        assert answer.status_code == 202, answer.content
        assert answer.headers["Location"] == f"/mail/api/v1/messages/{Delivery.objects.get().pk}"
        assert Client().get("/").status_code == 302, "the project asks for a sign-in everywhere else"

    def test_the_description_has_the_addresses_of_the_project(self, host_project: None) -> None:
        found = a_program().ask.get("/mail/api/v1/openapi.json").json()
        assert "/mail/api/v1/messages" in found["paths"]

    def test_the_page_needs_the_console_around_it(self, host_project: None) -> None:
        from django.contrib.auth.models import User

        client = Client()
        client.force_login(User.objects.create_user("root", is_superuser=True))
        assert client.get("/mail/api/docs/").status_code == 404

    @pytest.mark.parametrize("kind", ["json", "multipart"])
    def test_a_middleware_that_has_read_the_request(
        self, host_project: None, relay: SmtpConnection, settings: Any, kind: str
    ) -> None:
        settings.MIDDLEWARE = [f"{__name__}.nosy", *settings.MIDDLEWARE]
        ask = a_program().ask
        body: dict[str, Any] = {"content_type": "application/json"} if kind == "json" else {}
        assert ask.post("/mail/api/v1/messages", EVENT, **body).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_it_stays_out_of_the_transaction_of_a_request(relay: SmtpConnection) -> None:
    """With ATOMIC_REQUESTS the row of a client would stay locked as long as a server takes to answer."""
    seen = []

    def look(execute: Callable[..., Any], *args: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return execute(*args)

    program = a_program()
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        with connection.execute_wrapper(look):
            assert program.get("/messages").status_code == 200
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert seen
    assert not any(seen)


class TestAsgi:
    @pytest.mark.django_db(transaction=True)
    def test_a_message_is_taken(self, relay: SmtpConnection) -> None:
        program = a_program()
        headers = {"Authorization": f"Bearer {program.token}"}
        asking = AsyncClient().post("/api/v1/messages", EVENT, content_type="application/json", headers=headers)
        answer = asyncio.run(asking)
        assert (answer.status_code, answer.json()["state"]) == (202, "sent")

    @pytest.mark.django_db(transaction=True)
    def test_a_body_whose_length_nobody_told_is_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Chunked: ASGI gives such a body to the project, WSGI does not."""
        from mailadmin.core import limits

        program = a_program()
        monkeypatch.setattr(limits, "API_REQUEST_BYTES", 1000)
        status, body = asyncio.run(asked(program.token, [b'{"message": "', b"x" * 900, b"x" * 900]))
        assert (status, body["code"]) == (413, "too-large")
        status, body = asyncio.run(asked(program.token, [b'{"message": ', b"5}"]))
        assert (status, body["code"]) == (422, "wrong-type")


async def asked(token: str, chunks: list[bytes]) -> tuple[int, dict[str, Any]]:
    """POST `chunks` to the API as an ASGI server does, without a Content-Length."""
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/messages", "query_string": b"", "http_version": "1.1",
        "headers": [
            (b"host", b"testserver"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"application/json"),
            (b"transfer-encoding", b"chunked"),
        ],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await get_asgi_application()(scope, receive, send)
    body = b"".join(one.get("body", b"") for one in sent)
    return sent[0]["status"], json.loads(body)


class TestWithoutTheLibrary:
    """In a process of its own, where nobody can import django-ninja."""

    PREPARE = (
        "import sys, importlib.abc\n"
        "class Gone(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('ninja', 'pydantic'): raise ModuleNotFoundError(name=name)\n"
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'ninja' else find(name, *a)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import django; django.setup()\n"
    )

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", self.PREPARE + code], capture_output=True, text=True, timeout=60)

    def test_the_console_works_and_has_no_api(self) -> None:
        done = self.run("import config.urls as u; print([str(p.pattern) for p in u.urlpatterns])")
        assert done.returncode == 0, done.stderr
        assert "'api/'" not in done.stdout

    def test_who_includes_the_api_is_told_what_to_install(self) -> None:
        done = self.run("import mailadmin.api.urls")
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith(ImproperlyConfigured.__module__)
        assert "pip install mailadmin[api]" in last


def test_a_site_without_a_log_is_told_that_the_api_needs_one(settings: Any) -> None:
    assert not [one for one in run_checks(tags=["mailadmin"]) if one.id == "mailadmin.W030"]
    settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY_LOG": False}
    (found,) = (one for one in run_checks(tags=["mailadmin"]) if one.id == "mailadmin.W030")
    assert "DELIVERY_LOG" in found.msg
