"""N1: Stop takes effect in the middle of whatever step, and a server that hangs or drips ends at a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from mailadmin.core.fault import Kind
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import ProxyKind, Security, SmtpRoute, Timeouts
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.graph import graph_plan, probe_graph
from mailadmin.probes.recorder import Cancelled, Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from tests.fakes import certificates, proxies
from tests.fakes.deaf import deaf
from tests.fakes.graph_server import Microsoft, Says, entra_error, keeps_silent
from tests.fakes.proxies import FakeProxy
from tests.fakes.routes import a_mail, entra_app, oauth_route
from tests.fakes.smtp_actions import Action, drip, silent
from tests.fakes.smtp_routes import mail, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer

PATIENT = Timeouts(connect=20, command=20, message=60, final=20)  # whoever waits for these was not stopped
QUICK = Timeouts(connect=0.3, command=0.3, message=5, final=0.3)
SENDER, RECIPIENT = "anna@example.org", "ben@example.net"


class Stopper:
    """A recorder whose Stop is pressed a moment after the step called `key` began; `seconds` is how long it then took
    until the ladder had ended."""

    def __init__(self, plan: Any, key: str) -> None:
        self.recorder = Recorder(plan, sink=self._sink)
        self._key, self._pressed = key, 0.0

    def _sink(self, place: int, step: Step) -> None:
        if step.key == self._key and step.state is StepState.RUNNING:
            threading.Timer(0.1, self._press).start()

    def _press(self) -> None:
        self._pressed = time.monotonic()
        self.recorder.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._pressed


def assert_stopped(stopper: Stopper, ladder: Any, key: str) -> Step:
    with pytest.raises(Cancelled):
        ladder()
    assert stopper.seconds < 10
    steps = stopper.recorder.finish()
    step = stopper.recorder.named(key)
    assert (step.state, step.fact) == (StepState.NOT_RUN, "Stopped on request")
    assert all(rung.state is StepState.NOT_RUN for rung in steps[steps.index(step) :])
    return step


def stopped(route: SmtpRoute, key: str) -> Step:
    stopper = Stopper(smtp_plan(route), key)
    ladder = partial(
        probe_smtp, route, stopper.recorder, NetworkPolicy(), sender=SENDER, recipient=RECIPIENT, mail=mail()
    )
    return assert_stopped(stopper, ladder, key)


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        ("GREETING", "greeting"),
        ("EHLO", "greeting"),
        ("STARTTLS", "tls"),
        ("TLS", "tls"),
        ("AUTH", "auth"),
        ("MAIL", "sender"),
        ("RCPT", "recipient"),
        ("DOT", "message"),
    ],
)
def test_n1_stop_ends_a_step_that_waits_for_the_server(moment: str, key: str) -> None:
    with SmtpServer({moment: [silent]}, identity=certificates.good()) as server:
        step = stopped(with_password(server.port, security=Security.STARTTLS, timeouts=PATIENT), key)
    assert bool(step.notes) == (key == "message")  # it may have been taken, and that is said


@pytest.mark.parametrize("kind", ProxyKind)
def test_n1_stop_ends_a_step_that_waits_for_a_proxy(kind: ProxyKind) -> None:
    with FakeProxy(kind, act=proxies.waits) as proxy:
        stopped(smtp_route(587, host="mail.example.org", proxy=proxy.anonymous, timeouts=PATIENT), "proxy")


@pytest.fixture
def deaf_port() -> Iterator[int]:
    with deaf() as port:
        yield port


def test_n1_stop_ends_a_step_that_waits_for_a_connection(deaf_port: int) -> None:
    stopped(smtp_route(deaf_port, timeouts=PATIENT), "tcp")


@pytest.mark.parametrize(
    ("graph", "token", "key"),
    [
        (Says(202), keeps_silent(threading.Event()), "token"),
        (Says(202), Says(503, entra_error(1), {"Retry-After": "20"}), "token"),
        (keeps_silent(threading.Event()), None, "mailbox"),
    ],
)
def test_n1_stop_ends_a_step_that_waits_for_microsoft(graph: Any, token: Any, key: str) -> None:
    with Microsoft(graph, tokens=(token,) if token else None) as server:
        route = oauth_route(entra_app(server.host, server.ca_pem))
        stopper = Stopper(graph_plan(route), key)
        ladder = partial(probe_graph, route, stopper.recorder, NetworkPolicy(), mail=a_mail())
        assert_stopped(stopper, ladder, key)


@pytest.mark.parametrize("hold", [silent, drip(b"250-more\r\n", 0.05), drip(b"2", 0.05)])
@pytest.mark.parametrize(
    ("moment", "key"),
    [
        ("GREETING", "greeting"),
        ("EHLO", "greeting"),
        ("STARTTLS", "tls"),
        ("AUTH", "auth"),
        ("MAIL", "sender"),
        ("RCPT", "recipient"),
        ("DOT", "message"),
    ],
)
def test_n1_a_server_that_hangs_or_drips_ends_at_the_limit_of_its_phase(hold: Action, moment: str, key: str) -> None:
    with SmtpServer({moment: [hold] * 2}, identity=certificates.good()) as server:
        route = with_password(server.port, security=Security.STARTTLS, timeouts=QUICK)
        recorder = Recorder(smtp_plan(route))
        probe_smtp(route, recorder, NetworkPolicy(), sender=SENDER, recipient=RECIPIENT, mail=mail())
    step = recorder.named(key)
    assert step.state is StepState.FAILED
    assert recorder.errors[key].fault.kind in (Kind.TIMEOUT, Kind.NOT_SMTP, Kind.OUT_OF_STEP)
    assert step.seconds < 5  # the limit is 0.3 s; the rest is for a busy machine
