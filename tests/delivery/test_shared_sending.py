"""Four processes with thirty threads each send by one OAuth service, which is saved (N7)."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from tests.delivery.shared_processes import told_by
from tests.fakes.graph_server import Microsoft, Request, Says, token_body
from tests.models.rows import app, office365

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, THREADS, ROUNDS = 4, 30, 2


class Watch:
    """How many requests to Graph were under way at once, as Microsoft sees it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def meanwhile(self, request: Request) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1


def test_n7_exactly_one_token_request_in_the_life_of_a_token_and_no_more_at_once_than_allowed() -> None:
    for path in Path(f"{connection.settings_dict['NAME']}-mailadmin").glob("*"):
        path.unlink()
    watch = Watch()
    slow_token = Says(200, token_body(), meanwhile=lambda request: time.sleep(0.2))
    with Microsoft(Says(202, meanwhile=watch.meanwhile), tokens=(slow_token,)) as server:
        service = app(
            password="canary-secret-9301",
            cloud="custom",
            authority_host=server.host,
            graph_host=server.host,
            ca_pem=server.ca_pem,
        )
        office365(integrated_service=service, service_identity="robot@example.org", messages_per_minute=0)
        errors = told_by(PROCESSES, "send", THREADS, ROUNDS)
    assert errors == [[]] * PROCESSES
    assert len(server.asked("graph")) == PROCESSES * THREADS * ROUNDS
    assert len(server.asked("token")) == 1
    assert 1 < watch.most <= service.requests_at_once
