"""A tiny share of `make fuzz`, always the same one, and proofs that its judge sees a lie."""

from __future__ import annotations

import random
import time

import pytest

from mailadmin.core.content import Content
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.transports.base import Mail

from . import replies, run
from .case import Case
from .checks import Outcome, Violation, judge, well_formed, wire_rules
from .replies import Said
from .server import Delivery, Knowing

MAIL = Mail("anna@example.org", ("ben@example.net",), Content.of(b"Subject: x\r\n\r\nbody\r\n"), "<1@example.org>")
YES, NO, NOTHING = replies.plain(250), replies.plain(550), Said(b"25")


def delivered(said: Said, content: bytes = bytes(MAIL.content), recipient: str = "ben@example.net") -> Delivery:
    return Delivery("anna@example.org", (recipient,), content, said, utf8=False)


def failed(*, unsure: bool = False, text: str = "") -> MailError:
    fault = Fault(Phase.DATA, Kind.CLOSED, text, maybe_sent=unsure)
    return DeliveryUnsure(fault) if unsure else MailError(fault)


@pytest.mark.parametrize(
    ("kind", "quota"), [(kind, {"loopback": 60, "graph": 100}.get(kind, 400)) for kind in run.KINDS]
)
def test_a_tiny_share_of_every_kind_holds(kind: str, quota: int) -> None:
    result = run.run_batch(run.Batch("tiny", kind, 0, quota, until=time.time() + 100))
    assert not result.failures, result.failures[0]
    assert result.made >= quota and result.tally


@pytest.mark.parametrize("kind", ["reader", "sessions", "messages", "graph"])
def test_the_same_seed_makes_the_same_cases(kind: str) -> None:
    def fed() -> list[list[bytes]]:
        cases = [run.case_of("again", kind, 0, number) for number in range(5)]
        for case in cases:
            run.feed_of(kind)(case)
        return [list(case.fed) for case in cases]

    assert fed() == fed()


def test_a_failure_names_the_command_that_runs_its_case_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def feed(case: Case) -> None:
        case.replies += 1
        raise Violation("planted")

    monkeypatch.setattr("tests.fuzz.reader.feed", feed)
    result = run.run_batch(run.Batch("seed", "reader", 3, 2, until=time.time() + 100))
    assert len(result.failures) == 2
    assert 'make fuzz ARGS="--seed seed --case reader/3/1"' in result.failures[1] and "planted" in result.failures[1]
    with pytest.raises(Violation):
        run.again("seed", "reader/3/1")


@pytest.mark.parametrize(
    ("outcome", "deliveries"),
    [
        ({}, [delivered(YES)]),
        (failed(), []),
        (failed(), [delivered(NO)]),
        (failed(unsure=True), [delivered(YES)]),
        (failed(unsure=True), [delivered(NOTHING)]),
        (failed(unsure=True), []),
    ],
)
def test_the_judge_believes_what_fits(outcome: Outcome, deliveries: list[Delivery]) -> None:
    judge(MAIL, outcome, deliveries, strong=True)


@pytest.mark.parametrize(
    ("outcome", "deliveries", "sentence"),
    [
        ({}, [], "did not say so"),
        ({}, [delivered(NO)], "did not say so"),
        ({}, [delivered(NOTHING)], "did not say so"),
        ({"ben@example.net": failed()}, [delivered(YES)], "perhaps served"),
        (failed(), [delivered(YES)], "may have taken it"),
        (failed(), [delivered(NOTHING)], "may have taken it"),
        (failed(unsure=True), [delivered(YES), delivered(YES)], "twice"),
        ({}, [delivered(YES, b"Subject: x\r\n\r\nbody")], "Other bytes"),
        ({}, [delivered(YES, recipient="eve@example.net")], "somebody else"),
    ],
)
def test_the_judge_sees_a_lie(outcome: Outcome, deliveries: list[Delivery], sentence: str) -> None:
    with pytest.raises(Violation, match=sentence):
        judge(MAIL, outcome, deliveries, strong=True)


@pytest.mark.parametrize("raw", [b"a\0b\r\n", b"a\nb\r\n", b"a\rb\r\n", b"no end", b"x" * 999 + b"\r\n"])
def test_the_sink_sees_every_breach_of_the_rules(raw: bytes) -> None:
    with pytest.raises(Violation):
        wire_rules(raw, raw)


def test_a_dot_that_is_not_doubled_is_seen_as_what_it_would_do() -> None:
    server = Knowing(random.Random(1))
    server.take(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    with pytest.raises(Violation, match="as a command"):
        server.take(b"Subject: x\r\n\r\n.\r\nrest\r\n.\r\n")


def test_a_text_that_is_not_cleaned_and_a_secret_are_seen() -> None:
    with pytest.raises(Violation, match="not cleaned"):
        well_formed(failed(text="\x1b[31m"))
    with pytest.raises(Violation, match="secret"):
        well_formed(failed(text="you said geheim"), ["geheim"])
