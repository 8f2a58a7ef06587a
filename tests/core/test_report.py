"""The verdict in one sentence, and the text to copy."""

from __future__ import annotations

import pytest

from mailadmin.core.report import Step, StepState, as_text, overall, verdict

OK, WARNING, FAILED = StepState.OK, StepState.WARNING, StepState.FAILED
NOT_RUN, NOT_PROVEN, WAITING, RUNNING = (
    StepState.NOT_RUN,
    StepState.NOT_PROVEN,
    StepState.WAITING,
    StepState.RUNNING,
)
TITLES = {"greeting": "Greeting", "tls": "Encryption", "auth": "Sign-in", "sender": "Sender", "message": "Message"}


def ladder(**states: StepState) -> list[Step]:
    return [Step(key, TITLES.get(key, key.capitalize()), state) for key, state in states.items()]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([OK, OK], OK),
        ([OK, WARNING], WARNING),
        ([WARNING, NOT_PROVEN, OK], NOT_PROVEN),
        ([NOT_PROVEN, FAILED, NOT_RUN], FAILED),
        ([FAILED, RUNNING], RUNNING),
        ([OK, NOT_RUN], OK),
        ([NOT_RUN, NOT_RUN], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_the_worst_step_is_the_state_of_the_test(states: list[StepState], expected: StepState) -> None:
    assert overall([Step(str(place), "x", state) for place, state in enumerate(states)]) is expected


def test_a_failed_step_is_named_with_its_problem_and_what_still_holds() -> None:
    steps = ladder(greeting=OK, tls=OK, auth=FAILED, message=NOT_RUN)
    steps[2].problem = "Sign-in was refused by mail.example.org."
    assert verdict(steps) == (
        "Step 3 of 4 failed: Sign-in. Sign-in was refused by mail.example.org. The server answers and TLS is sound."
    )


def test_what_holds_is_not_claimed_without_proof() -> None:
    assert verdict(ladder(greeting=FAILED, tls=NOT_RUN)) == "Step 1 of 2 failed: Greeting."
    assert "TLS is sound" not in verdict(ladder(greeting=OK, tls=NOT_RUN, auth=FAILED))
    assert "takes our sign-in" in verdict(ladder(greeting=OK, tls=OK, auth=OK, sender=FAILED))
    assert "Entra works" in verdict(ladder(token=OK, mailbox=FAILED))


def test_n1_an_accepted_message_proves_all_but_its_arrival() -> None:
    assert verdict(ladder(tls=OK, message=OK)) == (
        "Everything works: the test message was accepted. Delivery to the inbox is not proven."
    )


def test_warnings_are_pointed_at() -> None:
    assert verdict(ladder(tls=WARNING, message=OK)).endswith("is not proven. Look at: Encryption.")
    assert verdict(ladder(tls=OK, message=WARNING)) == (
        "Everything works: the test message was accepted. Delivery to the inbox is not proven. Look at: Message."
    )


def test_without_a_recipient_the_verdict_says_that_nothing_was_sent() -> None:
    steps = ladder(tls=OK, message=NOT_RUN)
    steps[1].fact = "No recipient was given."
    assert "no test message was sent" in verdict(steps)


def test_what_could_not_be_proven_is_said() -> None:
    steps = ladder(token=OK, mailbox=NOT_PROVEN, message=NOT_RUN)
    steps[2].fact = "No recipient was given."
    assert verdict(steps) == "Nothing failed, but this could not be proven: Mailbox."


@pytest.mark.parametrize("state", [NOT_RUN, WAITING, RUNNING])
def test_a_test_that_was_stopped_is_never_a_success(state: StepState) -> None:
    assert verdict(ladder(tls=OK, auth=state, message=state)) == (
        "The test ended early; this was not tried: Sign-in, Message."
    )


def test_a_test_without_steps_proves_nothing() -> None:
    assert "not tried" in verdict([])


def test_the_text_to_copy_has_each_step_with_its_time_and_the_remedy() -> None:
    steps = ladder(tls=OK, auth=FAILED, message=NOT_RUN)
    steps[0].fact, steps[0].seconds, steps[0].notes = "TLS 1.3", 0.0421, ["The certificate ends in 9 days."]
    steps[0].details = [["Cipher", "TLS_AES_256_GCM_SHA384"]]
    steps[1].problem, steps[1].cause = "Sign-in was refused.", "The password is wrong."
    steps[1].remedy, steps[1].owner = ["Type it again.", "Test again."], "You, in this console"
    steps[1].dialogue = ["> AUTH PLAIN ••••••", "< 535 5.7.8 no"]
    text = as_text("SMTP connection “Office”", steps)
    assert text.splitlines() == [
        "SMTP connection “Office”",
        verdict(steps),
        "",
        "1. Encryption: ok (42 ms) - TLS 1.3",
        "   The certificate ends in 9 days.",
        "   - Cipher: TLS_AES_256_GCM_SHA384",
        "2. Sign-in: failed (0 ms)",
        "   Sign-in was refused. The password is wrong.",
        "   To do 1: Type it again.",
        "   To do 2: Test again.",
        "   Who: You, in this console",
        "   | > AUTH PLAIN ••••••",
        "   | < 535 5.7.8 no",
        "3. Message: not run",
    ]


@pytest.mark.parametrize("state", StepState)
def test_every_state_has_words(state: StepState) -> None:
    assert state.label
    assert state.done is (state not in (WAITING, RUNNING))
