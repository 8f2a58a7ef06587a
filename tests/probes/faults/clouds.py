"""What can be wrong between this server and the hosts of Microsoft."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.report import StepState
from mailadmin.core.settings import Proxy, ProxyKind
from mailadmin.probes.recorder import Recorder
from tests.fakes.graph_server import (
    Exchange,
    Microsoft,
    Says,
    closes_after_request,
    drips,
    free_port,
    resets_after_request,
)
from tests.fakes.routes import entra_app

from .row import NETWORK, NEXT, PROVIDER, QUICK, UNSURE, YOU, Row, Stage
from .stages import PROVEN, app_ladder, graph, token, unasked

_PAGE = b"<html><body>Please sign in to this network</body></html>"
_NAME = "login.example.org"
_UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
_AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def sign_in_host() -> Iterator[Row]:
    """Yield how the sign-in host may not be reached."""

    def fails(what: str, entry: str, owner: Any, stage: Stage, *, retry: bool = False) -> Row:
        return Row(what, "", "signin-host", entry, owner, NEXT, stage, retry)

    nowhere = unasked(lambda: entra_app(f"localhost:{free_port()}", ""))
    yield fails("Nothing listens at the sign-in host", "tcp-refused", YOU, nowhere, retry=True)
    unknown = unasked(lambda: entra_app(_NAME, ""), names={_NAME: _UNKNOWN})
    yield fails("The sign-in host does not exist", "dns-not-found", YOU, unknown)
    failing = unasked(lambda: entra_app(_NAME, ""), names={_NAME: _AGAIN})
    yield fails("The sign-in host cannot be looked up", "dns-failed", NETWORK, failing, retry=True)
    yield fails("The sign-in host has a certificate of a private authority", "cert-unknown-issuer", YOU, _untrusted)
    by_proxy = unasked(lambda: entra_app(_NAME, "", proxy=Proxy(ProxyKind.HTTP, "127.0.0.1", free_port())))
    yield fails("The proxy to the sign-in host is not there", "proxy-unreachable", NETWORK, by_proxy, retry=True)


def tokens() -> Iterator[Row]:
    """Yield answers of the sign-in host that are not Entra's."""
    moved = Says(302, b"", {"Location": "https://elsewhere.example.org/"})
    for what, answer, entry, owner in (
        ("A page to sign in to the network, in place of a token", Says(200, _PAGE), "token-answer", NETWORK),
        ("The sign-in host leads elsewhere", moved, "http-redirect", NETWORK),
        ("A refusal that is not Entra's", Says(403, _PAGE), "token-answer", NETWORK),
        ("An answer without a token", Says(200, {"hello": "world"}), "token-answer", NETWORK),
    ):
        yield Row(what, "", "token", entry, owner, NEXT, token(answer))
    for what, script in (("closes", closes_after_request), ("resets the connection", resets_after_request)):
        yield Row(f"The sign-in host {what}", "", "token", "closed", PROVIDER, NEXT, token(script), True)
    for what, slow in (("says nothing", _silent), ("drips", drips)):
        stage = _impatient(token(slow))
        yield Row(f"The sign-in host {what}", "", "token", "timeout", PROVIDER, NEXT, stage, True, seconds=QUICK)


def graph_host() -> Iterator[Row]:
    """Yield answers in the place of Graph's, and the lack of one."""
    fails, unproven = StepState.FAILED, StepState.NOT_PROVEN
    for step, first in (("mailbox", ()), ("message", (PROVEN,))):
        blocked = graph(*first, Says(403, _PAGE))
        yield Row(
            "A firewall's refusal in Graph's place", "", step, "http-blocked", NETWORK, NEXT, blocked, state=fails
        )
        page = graph(*first, Says(200, _PAGE))
        state = unproven if step == "mailbox" else fails
        what = f"A page to sign in to the network, in place of Graph's word on the {step}"
        yield Row(what, "", step, "http-answer", NETWORK, UNSURE, page, state=state)
    for what, script in (("closes", closes_after_request), ("resets the connection", resets_after_request)):
        yield Row(
            f"Graph {what} after the mailbox was asked for",
            "",
            "mailbox",
            "closed",
            PROVIDER,
            NEXT,
            graph(script),
            True,
        )
        stage = graph(PROVEN, script)
        yield Row(f"Graph {what} after the whole message", "", "message", "graph-unsure", YOU, UNSURE, stage)
    for what, slow in (("says nothing", _silent), ("drips", drips)):
        stage = _impatient(graph(PROVEN, slow))
        yield Row(
            f"Graph {what} after the whole message",
            "",
            "message",
            "graph-unsure",
            YOU,
            UNSURE,
            stage,
            seconds=2 * QUICK,
        )


def _untrusted() -> Recorder:
    with Microsoft(PROVEN) as peer:
        return app_ladder(entra_app(peer.host, ""))


def _silent(exchange: Exchange) -> None:
    exchange.read()
    exchange.sock.recv(1)  # until the client goes away


def _impatient(stage: Stage) -> Stage:
    """Return `stage` with a short time for each step: the limit that ends whatever else does not."""

    def play() -> Recorder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "STEP_SECONDS", 2 * QUICK)
            return stage()

    return play
