"""What the delivery decides for a route by Graph: the mailbox, how long to wait, who may not be the sender."""

from __future__ import annotations

import threading
from email.utils import parseaddr

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import mailadmin
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import log
from mailadmin.delivery.attempts import Terms, make_ready
from mailadmin.delivery.convert import convert
from mailadmin.delivery.health import resume
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.progress import reporter
from mailadmin.delivery.retention import prune
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, OAuthService, RouteState, SenderRefusal, SmtpConnection

from .conftest import Peers, a_message, add_oauth

pytestmark = pytest.mark.django_db


class TestMailboxes:
    """N7: several identities share the load."""

    def test_n7_a_message_from_one_of_the_mailboxes_leaves_by_it(self, peers: Peers) -> None:
        add_oauth(peers, mailboxes="second@contoso.org, third@contoso.org")
        assert send_message(a_message(from_email="Third <THIRD@contoso.org>")).sent
        (arrived,) = peers.arrived
        assert arrived.envelope_sender == "third@contoso.org"
        assert parseaddr(arrived.parsed["From"])[1] == "THIRD@contoso.org"

    def test_n7_other_messages_are_spread_and_come_from_the_mailbox_that_sends(self, peers: Peers) -> None:
        add_oauth(peers, mailboxes="second@contoso.org, third@contoso.org")
        for _ in range(6):
            send_message(a_message(from_email="somebody@elsewhere.org"))
        senders = [arrived.envelope_sender for arrived in peers.arrived]
        assert {senders.count(one) for one in ("robot@contoso.org", "second@contoso.org", "third@contoso.org")} == {2}
        for arrived in peers.arrived:
            assert parseaddr(arrived.parsed["From"])[1] == arrived.envelope_sender
            assert arrived.parsed["Reply-To"] == "somebody@elsewhere.org"


class TestPatience:
    """A limit of our own holds a caller only as long as is sensible."""

    @pytest.mark.parametrize(
        ("terms", "last", "seconds"),
        [
            (Terms(), False, limits.GRAPH_PATIENCE_SECONDS),
            (Terms(), True, limits.GRAPH_LAST_PATIENCE_SECONDS),
            (Terms(in_list=True), False, limits.GRAPH_LIST_PATIENCE_SECONDS),
            (Terms(in_background=True), False, limits.BACKGROUND_PATIENCE_SECONDS),
        ],
    )
    def test_n7_who_waits_how_long(self, oauth: OAuthService, terms: Terms, last: bool, seconds: float) -> None:
        draft = convert(a_message())
        assert make_ready(draft, oauth.to_route(), draft.addresses, terms, last=last).mail.patience == seconds


class TestSendersThatAreRefused:
    """A sender that may not be used is counted, and nothing else suffers from it."""

    def test_send_as_denied_is_counted_for_that_sender_only(self, peers: Peers, smtp: SmtpConnection) -> None:
        row = add_oauth(peers, send_as="boss@contoso.org")
        peers.graph_fault = "send-as-denied"
        for _ in range(2):
            assert send_message(a_message(from_email="Boss <boss@contoso.org>")).state is DeliveryState.FALLBACK
        refusal = SenderRefusal.objects.get()
        assert (refusal.route_id, refusal.sender, refusal.count) == (row.pk, "boss@contoso.org", 2)
        assert refusal.code == "graph-send-as-denied" and refusal.reason
        assert not RouteState.objects.filter(stopped=True).exists()
        peers.graph_fault = ""
        assert send_message(a_message(from_email="robot@contoso.org")).state is DeliveryState.SENT

    def test_smtp_refusals_are_counted_too_and_a_changed_route_forgets_them(
        self, peers: Peers, smtp: SmtpConnection
    ) -> None:
        peers.smtp_fault = "send-as-denied"
        with pytest.raises(mailadmin.MailError):
            send_message(a_message())
        assert SenderRefusal.objects.get().kind == "smtp"
        resume(smtp.key)
        assert not SenderRefusal.objects.exists()

    def test_old_ones_are_forgotten(self, peers: Peers, smtp: SmtpConnection) -> None:
        peers.smtp_fault = "send-as-denied"
        with pytest.raises(mailadmin.MailError):
            send_message(a_message())
        SenderRefusal.objects.update(last_at="2020-01-01T00:00:00Z")
        assert prune() == 1


class TestProgress:
    """The log shows how far a long upload is, while it runs."""

    def test_words_are_written_into_the_row_and_gone_at_the_end(self, smtp: SmtpConnection) -> None:
        message = a_message()
        entry = log.entry(convert(message), SendOptions(), "")
        log.begin([entry])
        report = reporter(entry)
        report("Uploading a.pdf: 1 of 3 MB")
        assert Delivery.objects.get().progress == "Uploading a.pdf: 1 of 3 MB"
        with CaptureQueriesContext(connection) as captured:
            report("Uploading a.pdf: 2 of 3 MB")
        assert len(captured) == 0  # a second has not passed
        log.abandon(entry, ValueError("over"))
        assert Delivery.objects.get().progress == ""

    def test_without_a_row_nothing_is_written(self) -> None:
        entry = log.entry(convert(a_message()), SendOptions(), "")
        with CaptureQueriesContext(connection) as captured:
            reporter(entry)("x")
        assert len(captured) == 0


@pytest.mark.django_db(transaction=True)
def test_a_worker_of_the_transport_may_report_too(smtp: SmtpConnection) -> None:
    entry = log.entry(convert(a_message()), SendOptions(), "")
    log.begin([entry])
    worker = threading.Thread(target=reporter(entry), args=("Uploading",))
    worker.start()
    worker.join()
    assert Delivery.objects.get().progress == "Uploading"
