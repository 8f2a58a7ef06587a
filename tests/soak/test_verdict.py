"""A soak that lost, doubled or invented a message says so; the verdict is as good as what it notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.ledger import Copy, Journal, Queued, Taken, read_queued, read_taken
from soak.verdict import Row, judge

ONE, ANN = "<one@soak.example>", "ann@example.net"
ONCE = Copy(25, told=True)


def queued(*, committed: bool = True, rolled_back: bool = False) -> Queued:
    return Queued({ONE: (ANN,)}, {ONE} if committed else set(), {ONE} if rolled_back else set())


def taken(*copies: Copy) -> Taken:
    return Taken({(ONE, ANN): list(copies)} if copies else {})


SENT = Row("sent", {ANN: "sent"})


def test_a_message_that_was_sent_once_is_well() -> None:
    assert judge(queued(), taken(ONCE), {ONE: SENT}).wrong == []


def test_a_message_that_is_said_to_be_sent_and_never_came_is_lost() -> None:
    wrong = judge(queued(), taken(), {ONE: SENT}).wrong
    assert any("LOST" in sentence for sentence in wrong)


def test_a_committed_message_without_a_row_is_lost() -> None:
    assert judge(queued(), taken(), {}).wrong == [f"{ONE}: LOST, committed and not in the log"]


@pytest.mark.parametrize("state", ["queued", "sending"])
def test_a_message_that_still_waits_is_told(state: str) -> None:
    assert judge(queued(), taken(ONCE), {ONE: Row(state, {ANN: "sent"})}).wrong


def test_a_recipient_that_the_server_refused_is_accounted_for() -> None:
    refused = Taken(refused={ANN})
    assert judge(queued(), refused, {ONE: Row("failed", {ANN: "refused"})}).wrong == []


def test_a_recipient_that_is_said_to_be_refused_and_was_not_is_told() -> None:
    assert judge(queued(), taken(ONCE), {ONE: Row("failed", {ANN: "refused"})}).wrong


def test_two_copies_without_an_unclear_answer_are_a_double() -> None:
    wrong = judge(queued(), taken(ONCE, ONCE), {ONE: SENT}).wrong
    assert any("DOUBLED" in sentence for sentence in wrong)


def test_two_copies_after_an_unclear_answer_are_well_where_the_log_warns() -> None:
    silent = Copy(25, told=False)
    flagged = Row("sent", {ANN: "sent"}, unsure=1, flagged=True)
    assert judge(queued(), taken(silent, ONCE), {ONE: flagged}).wrong == []
    unflagged = Row("sent", {ANN: "sent"}, unsure=1)
    assert judge(queued(), taken(silent, ONCE), {ONE: unflagged}).wrong


def test_a_third_copy_needs_a_person() -> None:
    copies = taken(ONCE, ONCE, ONCE)
    assert judge(queued(), copies, {ONE: Row("sent", {ANN: "sent"}, unsure=2, flagged=True)}).wrong
    assert not judge(queued(), copies, {ONE: Row("sent", {ANN: "sent"}, unsure=2, flagged=True, released=1)}).wrong


def test_a_second_copy_by_another_route_is_told() -> None:
    copies = taken(Copy(25, told=False), Copy(26, told=True))
    assert judge(queued(), copies, {ONE: Row("sent", {ANN: "sent"}, unsure=1, flagged=True)}).wrong


def test_a_message_that_was_rolled_back_and_came_is_a_ghost() -> None:
    wrong = judge(queued(committed=False, rolled_back=True), taken(ONCE), {}).wrong
    assert any("GHOST" in sentence for sentence in wrong)


def test_a_message_in_doubt_may_be_there_or_not_but_not_half() -> None:
    doubt = queued(committed=False)
    assert judge(doubt, taken(), {}).wrong == []
    assert judge(doubt, taken(ONCE), {ONE: SENT}).wrong == []
    assert judge(doubt, taken(ONCE), {}).wrong
    assert judge(doubt, taken(), {ONE: SENT}).wrong


def test_a_copy_for_a_stranger_is_told() -> None:
    strange = Taken({(ONE, ANN): [ONCE], (ONE, "bob@example.net"): [ONCE]})
    assert judge(queued(), strange, {ONE: SENT}).wrong == [f"{ONE}: sent to bob@example.net, whom it was not for"]


def test_journals_are_read_as_they_were_written(tmp_path: Path) -> None:
    queue, server = tmp_path / "queued", tmp_path / "taken"
    Journal(queue).write("begin", id=ONE, to=[ANN])
    Journal(queue).write("committed", ids=[ONE])
    Journal(queue).write("rolled back", ids=["<two@soak.example>"], aborts=1)
    Journal(queue).write("end")
    Journal(server).write("took", id=ONE, to=[ANN], port=25, told=True)
    Journal(server).write("refused", to="bob@example.net")
    Journal(server).write("fault", name="slow")
    made = read_queued(queue)
    assert (made.recipients, made.committed, made.aborts, made.ended) == ({ONE: (ANN,)}, {ONE}, 1, True)
    assert read_taken(server) == Taken({(ONE, ANN): [ONCE]}, {"bob@example.net"}, faults={"slow": 1})
