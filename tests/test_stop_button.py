"""N1: the press of Stop, a column of the row, reaches a test in the middle of a step."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connections

from mailadmin import testruns
from mailadmin.core.report import StepState
from mailadmin.core.settings import Timeouts
from mailadmin.models import ConnectionTest
from tests.fakes.smtp_actions import silent
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer

PATIENT = Timeouts(connect=20, command=20, message=60)  # whoever waits for these was not stopped


@pytest.mark.django_db(transaction=True)
def test_n1_a_test_that_waits_for_a_server_is_stopped() -> None:
    def stop_and_say_nothing(connection: Any) -> bool:
        ConnectionTest.objects.update(cancel_requested=True)
        connections.close_all()  # this is the thread of the fake server
        return silent(connection)

    with SmtpServer({"GREETING": [stop_and_say_nothing]}) as server:
        started = time.monotonic()
        test = testruns.run_now(smtp_route(server.port, timeouts=PATIENT))
    assert time.monotonic() - started < 10
    assert test.state == "cancelled"
    step = next(step for step in testruns.steps_of(test) if step.key == "greeting")
    assert (step.state, step.fact) == (StepState.NOT_RUN, "Stopped on request")
