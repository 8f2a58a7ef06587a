"""Clients of the API, each with its token, and a scripted server to send by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from mailadmin.core.clients import SHOWN_CHARS, Scope, digest, new_token
from mailadmin.delivery import routes
from mailadmin.models import ApiClient, SmtpConnection
from mailadmin.transports.smtp.pool import POOL
from tests.delivery.conftest import plain
from tests.fakes.smtp_server import SmtpServer

EVERYTHING = tuple(Scope)
ROOT = "/api/v1"
EVENT = {"message": "Hello", "subject": "Greetings", "recipients": "ann@example.org", "endpoint": "shop"}


@dataclass
class Program:
    """A program with a token: `ask` sends its requests."""

    row: ApiClient
    token: str
    ask: Client

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST JSON."""
        return self.ask.post(ROOT + path, body, content_type="application/json", headers=headers or None)

    def send(self, body: Any = None, **headers: str) -> Any:
        """Hand over a message."""
        return self.post("/messages", EVENT if body is None else body, **headers)

    def get(self, path: str, **query: Any) -> Any:
        """GET with the parameters `query`."""
        return self.ask.get(ROOT + path, query)


Programs = Callable[..., Program]


def a_program(*scopes: Scope, name: str = "Shop", **values: Any) -> Program:
    """Return a program with a client of its own."""
    token = new_token().reveal()
    row = ApiClient(
        name=name,
        scopes=[str(scope) for scope in scopes or EVERYTHING],
        token_digest=digest(token),
        token_start=token[:SHOWN_CHARS],
        **values,
    )
    row.full_clean()
    row.save()
    ask = Client(headers={"Authorization": f"Bearer {token}"}, enforce_csrf_checks=True)
    return Program(row, token, ask)


@pytest.fixture
def program(db: None) -> Program:
    """A program that may do everything."""
    return a_program()


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Each test has a database of its own, so nothing remembered of another one may serve."""
    routes.forget()
    yield
    routes.forget()
    POOL.clear()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def relay(server: SmtpServer, db: None) -> SmtpConnection:
    """The one connection of the site, to the scripted server."""
    return plain(server)


@pytest.fixture
def queued(settings: Any) -> None:
    """A site whose workers send."""
    settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY": "queued"}
