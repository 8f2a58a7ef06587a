"""N12: a recipient is erased from every place where the log has the address, and nobody else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import erase, log_text
from mailadmin.models import (
    ConnectionTest,
    ConnectionTestStep,
    Delivery,
    DeliveryAttempt,
    DeliveryRecipient,
    LogText,
    MessageContent,
    OutboxEntry,
    SandboxMessage,
)

pytestmark = pytest.mark.django_db
ANN = "ann@example.org"


def logged(*to: str, **values: Any) -> Delivery:
    now = timezone.now()
    row = Delivery.objects.create(
        created_at=now,
        finished_at=now,
        **({"state": DeliveryState.SENT, "subject": "Invoice", "recipient_list": [["to", one] for one in to]} | values),
    )
    DeliveryRecipient.objects.bulk_create(DeliveryRecipient(delivery=row, address=one, state="sent") for one in to)
    return row


def waiting(row: Delivery) -> None:
    now = timezone.now()
    OutboxEntry.objects.create(delivery=row, due_at=now, queued_at=now, give_up_at=now + timedelta(days=1))


def everything() -> str:
    """All that the tables say, as one text."""
    models = (Delivery, DeliveryRecipient, DeliveryAttempt, LogText, SandboxMessage, ConnectionTest, ConnectionTestStep)
    return "\n".join(str(list(model.objects.values())) for model in models).lower()


def test_n12_the_address_goes_from_every_place_and_the_outcome_stays() -> None:
    row = logged(
        ANN,
        subject="Dear Ann",
        reason=f"<{ANN}>: no such mailbox",
        idempotency_key=f"welcome-{ANN}",
        skipped=[["Relay B", f"Not for {ANN.upper()}."]],
    )
    DeliveryRecipient.objects.filter(delivery=row).update(reason=f"550 {ANN} unknown")
    DeliveryAttempt.objects.create(
        delivery=row,
        number=1,
        started_at=row.created_at,
        duration_ms=1,
        route_kind="smtp",
        route_name="Relay",
        accepted=False,
        answer=f"550 5.1.1 <{ANN}> User unknown",
        problem=f"The server does not know {ANN}.",
        remedy=[f"Ask {ANN} for another address."],
    )
    MessageContent.objects.create(delivery=row, key_id="k", sealed_draft=b"sealed")
    log_text.catch_up(5)
    SandboxMessage.objects.create(recipients=[ANN, "bob@example.org"], raw=b"To: ann")
    test = ConnectionTest.objects.create(kind="smtp", name="Relay", target="localhost", recipient=ANN)
    ConnectionTestStep.objects.create(
        test=test, place=0, key="rcpt", title="Recipient", state="ok", dialogue=[["C", f"RCPT TO:<{ANN}>"]]
    )
    assert erase.known(ANN) == erase.Known(over=1, waiting=0, sandbox=1)
    assert erase.erase(ANN.upper()) == 1
    assert "ann" not in everything()
    assert not MessageContent.objects.exists()
    row.refresh_from_db()
    assert (row.subject, row.state, row.idempotency_key) == (erase.ERASED, DeliveryState.SENT, None)
    assert erase.known(ANN) == erase.Known(0, 0, 0)


def test_n12_of_a_message_to_several_the_others_stay() -> None:
    row = logged(ANN, "bob@example.org", subject=f"For {ANN} and others", idempotency_key="list-1")
    log_text.catch_up(5)
    erase.erase(ANN)
    row.refresh_from_db()
    assert row.subject == f"For {erase.ERASED} and others"
    assert [address for _, address in row.recipient_list] == [erase.ERASED, "bob@example.org"]
    assert sorted(row.recipients.values_list("address", flat=True)) == [erase.ERASED, "bob@example.org"]
    assert row.idempotency_key == "list-1"


@pytest.mark.parametrize(
    "other", ["joann@example.org", "ann@example.org.uk", "x.ann@example.org", "ann@example.organic"]
)
def test_n12_an_address_that_only_looks_alike_is_left(other: str) -> None:
    row = logged(ANN, other, reason=f"{other} was refused, {ANN} too.")
    logged(other)
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.reason == f"{other} was refused, {erase.ERASED} too."
    assert Delivery.objects.filter(recipient_list=[["to", other]]).count() == 1


def test_n12_a_person_whose_address_ends_alike_stays_a_recipient() -> None:
    other = "d'ann@example.org"
    row = logged(ANN, other)
    logged(other)
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.recipient_list == [["to", erase.ERASED], ["to", other]]
    assert sorted(row.recipients.values_list("address", flat=True)) == [erase.ERASED, other]


def test_n12_a_message_that_was_never_tried_forgets_too() -> None:
    row = logged(state=DeliveryState.FAILED, recipient_list=[["bcc", ANN]])
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.recipient_list == [["bcc", erase.ERASED]]


@pytest.mark.parametrize("written", [f"Ann Lee <{ANN}>", f"{ANN} Bcc: eve@evil.example"])
def test_n12_a_message_that_was_refused_as_it_was_written_forgets_too(written: str) -> None:
    """A message that cannot be sent is logged with its recipients as the application named them."""
    row = logged(state=DeliveryState.FAILED, subject="Dear Ann", recipient_list=[["to", written]])
    assert erase.known(ANN).over == 1
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.recipient_list == [["to", erase.ERASED]]
    assert row.subject == erase.ERASED


@pytest.mark.parametrize("address", ["jürgen@example.org", '"a b\\"c"@example.org', "100%_@example.org"])
def test_n12_an_address_with_any_letters_is_found(address: str) -> None:
    """PostgreSQL keeps the letters of JSON as they are, others keep escapes."""
    row = logged(state=DeliveryState.FAILED, recipient_list=[["to", address]])
    logged(recipient_list=[["to", "100xx@example.org"]])
    SandboxMessage.objects.create(recipients=[address], raw=b"")
    assert erase.known(address) == erase.Known(over=1, waiting=0, sandbox=1)
    erase.erase(address)
    row.refresh_from_db()
    assert row.recipient_list == [["to", erase.ERASED]]
    assert not SandboxMessage.objects.exists()


def test_n12_a_message_to_somebody_else_whose_subject_names_the_address_forgets_it() -> None:
    """Such as a copy that somebody sent again to another recipient."""
    row = logged("bob@example.org", subject=f"Welcome, {ANN.upper()}!")
    logged("bob@example.org", subject="Welcome, joann@example.org!")
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.subject == f"Welcome, {erase.ERASED}!"


def test_n12_the_names_that_an_application_gave_along_forget_it_too() -> None:
    alone = logged(ANN, metadata={"customer": "4711"})
    several = logged(ANN, "bob@example.org", metadata={"customer": ANN, "order": "7"})
    other = logged("bob@example.org", metadata={f"to {ANN}": f"copy for {ANN.upper()}"})
    left = logged("bob@example.org", metadata={"to": f"joann.{ANN}"})
    erase.erase(ANN)
    found = [Delivery.objects.get(pk=row.pk).metadata for row in (alone, several, other, left)]
    assert found == [
        {},
        {"customer": erase.ERASED, "order": "7"},
        {f"to {erase.ERASED}": f"copy for {erase.ERASED}"},
        {"to": f"joann.{ANN}"},
    ]


def test_n12_who_got_a_message_instead_of_its_recipients_is_erased_as_well() -> None:
    row = logged("bob@example.org", redirected_to=ANN)
    assert erase.erase(ANN) == 1
    row.refresh_from_db()
    assert row.redirected_to == erase.ERASED
    assert row.recipient_list == [["to", "bob@example.org"]]


def test_n12_what_waits_is_told_and_left() -> None:
    row = logged(ANN, state=DeliveryState.QUEUED)
    waiting(row)
    assert erase.known(ANN) == erase.Known(over=0, waiting=1, sandbox=0)
    assert erase.erase(ANN) == 0
    row.refresh_from_db()
    assert row.recipient_list == [["to", ANN]]
