"""The soak's mail server writes down what it took before it says so, and what it says is what it wrote."""

from __future__ import annotations

import contextlib
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from soak.ledger import NO_FAULTS, Faults, Taken, read_taken

ANN, BOB = "ann@example.net", "bob@example.net"
CONTENT = "Message-ID: <one@soak.example>\r\nSubject: One\r\n\r\nText\r\n"


@contextlib.contextmanager
def serving(folder: Path, faults: Faults) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "soak.server", str(folder / "taken"), "1", faults.to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            yield [int(word) for word in process.stdout.readline().split()]
        finally:
            process.stdin.close()


def sent(folder: Path, faults: Faults, to: tuple[str, ...] = (ANN,)) -> tuple[str, Taken]:
    """Send one message to a server with these faults; return how that ended, and what it wrote down."""
    with serving(folder, faults) as ports:
        try:
            with smtplib.SMTP("127.0.0.1", ports[1], timeout=5) as client:
                client.sendmail("soak@example.org", list(to), CONTENT)
            said = "taken"
        except (smtplib.SMTPException, OSError) as error:
            said = type(error).__name__
        return said, read_taken(folder / "taken")


def test_what_it_took_is_written_down(tmp_path: Path) -> None:
    said, taken = sent(tmp_path, NO_FAULTS, (ANN, BOB))
    assert said == "taken"
    assert [address for _, address in taken.copies] == [ANN, BOB]
    assert all(copy.told for copies in taken.copies.values() for copy in copies)


@pytest.mark.parametrize("fault", ["drop_taken", "half_answer"])
def test_what_it_took_and_did_not_confirm_is_written_down_too(tmp_path: Path, fault: str) -> None:
    said, taken = sent(tmp_path, Faults(**{fault: 1.0}))
    assert said != "taken"
    assert [copy.told for copies in taken.copies.values() for copy in copies] == [False]
    assert taken.faults == {fault: 1}


@pytest.mark.parametrize(
    "fault",
    [
        "reset_at_connect",
        "busy_greeting",
        "mail_later",
        "shut_at_mail",
        "recipient_later",
        "data_later",
        "drop_before_end",
        "end_later",
        "end_shut",
        "drop_not_taken",
    ],
)
def test_what_it_did_not_take_is_not_written_down(tmp_path: Path, fault: str) -> None:
    said, taken = sent(tmp_path, Faults(**{fault: 1.0}))
    assert said != "taken"
    assert (taken.copies, taken.refused) == ({}, set())
    assert fault in taken.faults


def test_a_recipient_that_it_refused_for_good_is_written_down(tmp_path: Path) -> None:
    said, taken = sent(tmp_path, Faults(recipient_refused=1.0))
    assert (said, taken.refused, taken.copies) == ("SMTPRecipientsRefused", {ANN}, {})


def test_only_the_recipients_that_it_accepted_are_served(tmp_path: Path) -> None:
    said, taken = sent(tmp_path, Faults(too_many=1.0), (ANN, BOB))
    assert said == "taken"
    assert [address for _, address in taken.copies] == [ANN]


def test_other_faults_are_taken_up_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "soak.server", str(tmp_path / "taken"), "1", NO_FAULTS.to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        port = int(process.stdout.readline().split()[0])
        process.stdin.write(Faults(busy_greeting=1.0).to_json() + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ok\n"
        with pytest.raises(smtplib.SMTPConnectError):
            smtplib.SMTP("127.0.0.1", port, timeout=5)
        process.stdin.close()
