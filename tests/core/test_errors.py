"""The one family of sending errors: old code catches it, people understand it, it holds no secret."""

from __future__ import annotations

import copy
import pickle
import smtplib

import pytest

from mailadmin.core.errors import DeliveryUnsure, MailError, RecipientsRefused, Scope, mail_error
from mailadmin.core.fault import Fault, Kind, Phase

from .failures import FAILURES
from .failures.make import ADA, graph, line, ours, smtp

UNSURE = Fault(Phase.DATA, Kind.TIMEOUT, "No answer.", "mail.example.org", 587, maybe_sent=True)
REFUSED = smtp(Phase.AUTH, "535 5.7.8 Bad credentials")
NO_MAILBOX = smtp(Phase.RECIPIENT, "550 5.1.1 User unknown")


@pytest.mark.parametrize("caught", [smtplib.SMTPException, OSError, MailError])
def test_code_written_for_djangos_smtp_backend_catches_every_error_of_the_family(caught: type[Exception]) -> None:
    for error in (MailError(REFUSED), DeliveryUnsure(UNSURE), RecipientsRefused(NO_MAILBOX, {})):
        with pytest.raises(caught):
            raise error


@pytest.mark.parametrize(
    ("fault", "scope"),
    [
        (REFUSED, Scope.ROUTE),
        (graph(429), Scope.ROUTE),
        (ours(Kind.BAD_HEADER), Scope.MESSAGE),
        (smtp(Phase.DATA, "554 5.7.1 spam"), Scope.MESSAGE),
        (NO_MAILBOX, Scope.RECIPIENT),
        (UNSURE, Scope.UNSURE),
        (graph(504), Scope.UNSURE),
    ],
)
def test_the_scope_tells_how_far_a_failure_reaches(fault: Fault, scope: Scope) -> None:
    assert mail_error(fault).scope is scope


def test_an_unclear_outcome_has_a_class_of_its_own() -> None:
    assert type(mail_error(UNSURE)) is DeliveryUnsure
    assert type(mail_error(graph(200))) is DeliveryUnsure
    unclear_by_its_entry = Fault(Phase.GRAPH, Kind.HTTP_STATUS, http_status=504)
    assert type(mail_error(unclear_by_its_entry)) is DeliveryUnsure
    assert type(mail_error(REFUSED)) is MailError


def test_the_text_is_a_sentence_with_cause_answer_and_remedy() -> None:
    text = str(MailError(REFUSED))
    assert text.startswith("Sign-in was refused by mail.example.org. The server did not accept")
    assert "The answer was: “535 5.7.8 Bad credentials”. What to do: " in text


def test_what_nobody_answered_is_not_told_as_an_answer() -> None:
    ours = Fault(Phase.TCP, Kind.TCP_REFUSED, "192.0.2.1: Connection refused", host="mail.example.org", port=25)
    assert " 192.0.2.1: Connection refused. What to do: " in str(MailError(ours))
    whole = Fault(Phase.TLS, Kind.CERT_INVALID, "The certificate cannot be read.")
    assert " The certificate cannot be read. What to do: " in str(MailError(whole))


def test_the_code_is_stable_for_programs_and_the_servers_code_searchable() -> None:
    error = MailError(REFUSED)
    assert error.code == "credentials-refused"
    assert error.fault.code == "535 5.7.8"
    assert MailError(graph(403, "ErrorAccessDenied")).fault.code == "ErrorAccessDenied"
    assert MailError(graph(503)).fault.code == "HTTP 503"
    assert Fault(Phase.TOKEN, Kind.TOKEN_REFUSED, aadsts="7000215").code == "AADSTS7000215"
    assert line(Kind.TCP_REFUSED).code == "tcp-refused"


@pytest.mark.parametrize(("host", "port", "where"), [("a.org", 25, "a.org:25"), ("a.org", None, "a.org"), ("", 25, "")])
def test_where_a_failure_was_is_shown_as_far_as_it_is_known(host: str, port: int | None, where: str) -> None:
    assert Fault(Phase.TCP, Kind.CLOSED, host=host, port=port).where == where


def test_temporary_means_that_nobody_has_to_change_anything() -> None:
    assert MailError(graph(429)).temporary
    assert not MailError(REFUSED).temporary
    assert not DeliveryUnsure(UNSURE).temporary


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_a_copy_and_a_pickle(copied) -> None:
    """Task queues and test runners carry exceptions between processes."""
    assert copied(MailError(REFUSED)).fault == REFUSED
    assert isinstance(copied(DeliveryUnsure(UNSURE)), DeliveryUnsure)
    several = copied(RecipientsRefused(NO_MAILBOX, {ADA: MailError(NO_MAILBOX)}))
    assert several.recipients[ADA].fault == NO_MAILBOX
    assert several.code == "recipient-unknown"
    assert str(several) == str(RecipientsRefused(NO_MAILBOX, {}))


def test_each_recipient_has_an_error_of_its_own() -> None:
    error = RecipientsRefused(NO_MAILBOX, {ADA: MailError(NO_MAILBOX)})
    assert error.recipients[ADA].scope is Scope.RECIPIENT
    assert ADA in str(error.recipients[ADA])


def test_every_known_error_can_be_shown() -> None:
    for entry, found in FAILURES.items():
        for fault in found:
            error = mail_error(fault)
            assert str(error).isprintable(), entry
            assert fault.text in str(error)
            assert error.scope
