"""The end of a server's certificate is read from what a test really wrote down."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from cryptography import x509

from mailadmin import testruns
from mailadmin.models import ConnectionTest
from tests.delivery.conftest import Peers, add_oauth, add_smtp

pytestmark = pytest.mark.django_db(transaction=True)


def ends(test: ConnectionTest, step: str) -> date | None:
    return next(one.certificate_ends_on for one in testruns.steps_of(test) if one.key == step)


def test_the_last_day_of_a_mail_server_and_of_graph_is_known_after_a_test(peers: Peers) -> None:
    pem = (peers.sandbox.folder / "server.pem").read_bytes()
    expected = x509.load_pem_x509_certificate(pem).not_valid_after_utc.date()
    assert expected > datetime.now(UTC).date()
    assert ends(testruns.run_now(add_smtp(peers).to_route()), "tls") == expected
    assert ends(testruns.run_now(add_oauth(peers).to_route()), "graph-host") == expected
