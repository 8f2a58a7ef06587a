"""A secret never prints, and gives itself only to `reveal()`."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable

import pytest

from mailadmin.core.clouds import cloud
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, EntraApp, RouteKey, RouteKind, SmtpRoute

CANARY = "canary-7f3a"


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{:>40}".format, "{!r}".format, "%s".__mod__, ascii])
def test_a_secret_is_not_shown(shown: Callable[[object], str]) -> None:
    assert CANARY not in shown(Secret(CANARY))


def test_a_secret_reveals_itself_when_asked() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_a_secret_may_be_fetched_when_it_is_needed() -> None:
    asked: list[str] = []

    def load() -> str:
        asked.append("now")
        return CANARY

    secret = Secret(load)
    assert asked == []
    assert secret.reveal() == CANARY
    assert asked == ["now"]


def test_the_error_of_the_loading_function_comes_through() -> None:
    def load() -> str:
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError):
        Secret(load).reveal()


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_cannot_leave_the_process(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        copied(Secret(CANARY))


def test_a_secret_cannot_be_hashed_but_compared_with_another() -> None:
    with pytest.raises(TypeError):
        hash(Secret(CANARY))
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY


def test_a_secret_has_no_attributes_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_a_route_that_is_logged_does_not_show_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    app = EntraApp("1", "app", cloud("global"), "tenant", "client", Credential(secret=Secret(CANARY)))
    route = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "smtp", password=Secret(CANARY), app=app)
    logging.getLogger("mailadmin.test").warning("route %r %s", route, route)
    assert CANARY not in caplog.text
