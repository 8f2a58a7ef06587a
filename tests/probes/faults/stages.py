"""How the faults are played: scripted peers on loopback, and the real ladders that walk into them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from mailadmin.core.settings import EntraApp, OAuthRoute, Proxy, ProxyKind, SmtpAuth, SmtpRoute, Timeouts
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.entra import APP_PLAN, probe_app
from mailadmin.probes.graph import graph_plan, probe_graph
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from tests.fakes.graph_server import Microsoft, Says, Script, graph_error, jwt, token_body
from tests.fakes.proxies import Act, FakeProxy
from tests.fakes.routes import a_mail, entra_app, oauth_route
from tests.fakes.smtp_actions import Action
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.smtp_server import far_away as elsewhere

from .row import PATIENT, QUICK, Stage

MAIL = "mail.example.org"
SENDER, RECIPIENT = "anna@example.org", "ben@example.net"
IMPATIENT = Timeouts(connect=QUICK, command=QUICK, message=2 * QUICK, final=QUICK)
PROVEN = Says(400, graph_error("ErrorInvalidRecipients", "It has no recipients."))

Answers = Iterable[str | bytes | Action | None]
Names = Mapping[str, str | OSError | Callable[[], None]]
"""What the resolver says of a name: an address, an error, or what it does before it finds nothing."""


@contextmanager
def resolver(names: Names) -> Iterator[None]:
    """Let the operating system's resolver say this of these names."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        found = names.get(host)
        if isinstance(found, OSError):
            raise found
        if callable(found):
            found()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(found or host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


def smtp_ladder(route: SmtpRoute, policy: NetworkPolicy | None = None, content: bytes = CONTENT) -> Recorder:
    """Walk the ladder of an SMTP connection, with a message at its end."""
    recorder = Recorder(smtp_plan(route))
    probe_smtp(
        route,
        recorder,
        policy or NetworkPolicy(),
        sender=SENDER,
        recipient=RECIPIENT,
        mail=mail(RECIPIENT, content=content),
    )
    return recorder


def graph_ladder(route: OAuthRoute, policy: NetworkPolicy | None = None) -> Recorder:
    """Walk the ladder of an OAuth service, with a message at its end."""
    recorder = Recorder(graph_plan(route))
    probe_graph(route, recorder, policy or NetworkPolicy(), recipient=RECIPIENT, mail=a_mail(recipients=(RECIPIENT,)))
    return recorder


def app_ladder(app: EntraApp, policy: NetworkPolicy | None = None) -> Recorder:
    """Walk the ladder of an integrated service."""
    recorder = Recorder(APP_PLAN)
    probe_app(app, recorder, policy or NetworkPolicy())
    return recorder


def served(
    script: Mapping[str, Answers] | None = None,
    *,
    host: str = MAIL,
    server: Mapping[str, Any] | None = None,
    arrange: Callable[[SmtpServer], object] = lambda server: None,
    patient: bool = True,
    content: bytes = CONTENT,
    **changes: Any,
) -> Stage:
    """Return a stage with an SMTP server that follows `script`, found under the name `host`; `server` and `changes` are
    further settings of the server and of the route."""

    def play() -> Recorder:
        timeouts = Timeouts(connect=PATIENT, command=PATIENT, message=PATIENT) if patient else IMPATIENT
        with SmtpServer(script, **(server or {})) as peer, resolver({host: "127.0.0.1"}):
            arrange(peer)
            route = with_password(peer.port, **({"host": host, "timeouts": timeouts} | changes))
            return smtp_ladder(route, content=content)

    return play


def unserved(route: Callable[[], SmtpRoute], names: Names | None = None, policy: NetworkPolicy | None = None) -> Stage:
    """Return a stage without any peer: the route does not get so far."""

    def play() -> Recorder:
        with resolver(names or {}):
            return smtp_ladder(route(), policy)

    return play


def proxied(kind: ProxyKind, act: Act | None = None, *, sign_in: bool = False, patient: bool = True) -> Stage:
    """Return a stage with a proxy that does `act` in place of leading to the server."""

    def play() -> Recorder:
        with FakeProxy(kind, act=act, sign_in=sign_in) as proxy:
            timeouts = Timeouts(connect=PATIENT if patient else QUICK, command=PATIENT)
            return smtp_ladder(smtp_route(587, host=MAIL, proxy=proxy.anonymous, timeouts=timeouts))

    return play


def through(proxy: Callable[[], Proxy], names: Names | None = None) -> Stage:
    """Return a stage in which the route names this proxy, and nobody else plays."""
    return unserved(lambda: smtp_route(587, host=MAIL, proxy=proxy()), names)


def token(*answers: Says | Script, **changes: Any) -> Stage:
    """Return a stage with an Entra that answers so, walked by the ladder of an integrated service."""

    def play() -> Recorder:
        with Microsoft(PROVEN, tokens=answers) as peer:
            made = {name: value() if callable(value) else value for name, value in changes.items()}  # keys cost time
            return app_ladder(entra_app(peer.host, peer.ca_pem, **made))

    return play


def unasked(app: Callable[[], EntraApp], policy: NetworkPolicy | None = None, names: Names | None = None) -> Stage:
    """Return a stage without any Entra: the app does not get so far."""

    def play() -> Recorder:
        with resolver(names or {}):
            return app_ladder(app(), policy)

    return play


def graph(*answers: Says | Script, **changes: Any) -> Stage:
    """Return a stage with a Graph that answers so, walked by the ladder of an OAuth service."""

    def play() -> Recorder:
        with Microsoft(*answers) as peer:
            peer._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{peer.host}")))]
            return graph_ladder(oauth_route(entra_app(peer.host, peer.ca_pem, wide_permission_ok=True), **changes))

    return play


def with_token(script: Mapping[str, Answers] | None = None, entra: Says | None = None, **changes: Any) -> Stage:
    """Return a stage with an SMTP server for XOAUTH2 and an Entra that gives the token, or answers `entra`."""

    def play() -> Recorder:
        with ExitStack() as peers:
            microsoft = peers.enter_context(Microsoft(PROVEN, tokens=(entra or Says(200, token_body("token-2")),)))
            server = peers.enter_context(SmtpServer(script, features=("AUTH XOAUTH2",)))
            app = entra_app(microsoft.host, microsoft.ca_pem)
            if "mail_hosts" in changes:
                app = replace(app, cloud=replace(app.cloud, mail_hosts=changes["mail_hosts"]))
            route = with_password(server.port, password=None, auth=SmtpAuth.XOAUTH2, user="anna@example.org", app=app)
            return smtp_ladder(route)

    return play


@contextmanager
def deaf_port() -> Iterator[int]:
    """Yield a port on loopback that lets every further connection request go unanswered: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        port: int = listener.getsockname()[1]
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port


def hangs() -> None:
    """Say nothing, as a resolver that is gone."""
    threading.Event().wait(4 * QUICK)


def far_away(stage: Stage) -> Stage:
    """Return `stage`, with the peers on another machine for all that the operating system says."""

    def play() -> Recorder:
        with pytest.MonkeyPatch.context() as patch:
            elsewhere(patch)
            return stage()

    return play
