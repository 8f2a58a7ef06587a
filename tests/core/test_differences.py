"""What changed between two tests (N13): settings, steps and facts; what is new each time says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import texts
from mailadmin.core.differences import Change, changes, compare
from mailadmin.core.report import Step, StepState

VALUES = st.dictionaries(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8), max_size=6)
STEPS = st.lists(
    st.builds(
        Step,
        key=st.sampled_from(("dns", "tcp", "greeting", "tls", "auth", "message")),
        title=st.just("A step"),
        state=st.sampled_from(list(StepState)),
        fact=st.text(max_size=20),
        details=st.lists(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=2), max_size=4),
    ),
    unique_by=lambda step: step.key,
)


def step(key: str = "tls", state: StepState = StepState.OK, fact: str = "", **details: str) -> Step:
    pairs = [[label.replace("_", " "), value] for label, value in details.items()]
    return Step(key, key.upper(), state, fact=fact, details=pairs)


def facts(before: Step, after: Step) -> list[tuple[str, Change]]:
    return compare({}, [before], {}, [after]).facts


@given(VALUES, STEPS)
def test_n13_a_test_does_not_differ_from_itself(values: dict[str, str], steps: list[Step]) -> None:
    assert not compare(values, steps, values, steps)


@given(VALUES, VALUES)
def test_n13_settings_that_changed_lead_from_the_one_test_to_the_other(a: dict[str, str], b: dict[str, str]) -> None:
    found = changes(a, b)
    walked = dict(a)
    for change in found:
        assert walked.pop(change.name, "") == change.before
        if change.after:
            walked[change.name] = change.after
    assert walked == b
    back = changes(b, a)
    assert sorted((c.name, c.after, c.before) for c in back) == sorted((c.name, c.before, c.after) for c in found)


@given(VALUES, STEPS, VALUES, STEPS)
def test_n13_a_difference_is_the_same_from_both_ends(
    values: dict[str, str], steps: list[Step], other: dict[str, str], others: list[Step]
) -> None:
    there, back = compare(values, steps, other, others), compare(other, others, values, steps)
    assert bool(there) == bool(back)
    assert {(s.before, s.after) for s in there.moved} == {(s.after, s.before) for s in back.moved}
    assert len(there.facts) == len(back.facts)


def test_n13_a_step_that_ended_another_way_is_told_and_what_it_stopped_is_not() -> None:
    before = [step("tls"), step("auth"), step("message")]
    after = [step("tls"), step("auth", StepState.FAILED), step("message", StepState.NOT_RUN)]
    assert [(s.title, s.before, s.after) for s in compare({}, before, {}, after).moved] == [
        ("AUTH", StepState.OK, StepState.FAILED)
    ]
    assert [s.title for s in compare({}, after, {}, before).moved] == ["AUTH"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (step(SHA_256="aa:bb"), step(SHA_256="cc:dd")),
        (step(names="mail.example.org"), step(names="mail.example.net")),
        (step("dns", IPv4="192.0.2.1"), step("dns", IPv4="192.0.2.2")),
        (step("auth", roles="Mail.Send"), step("auth", roles="Mail.Read")),
        (step(fact="TLS 1.2, the certificate ends in 9 days"), step(fact="not encrypted")),
    ],
)
def test_n13_a_fact_that_lasts_and_changed_is_told(before: Step, after: Step) -> None:
    assert len(facts(before, after)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (step("message", Queue_id="4XyZ12abc"), step("message", Queue_id="4XyZ99def")),
        (step("tcp", IPv4="connected in 12 ms"), step("tcp", IPv4="connected in 9 ms")),
        (step(valid="20 Nov 2026 to 21 Nov 2027, 364 days left"), step(valid="20 Nov 2026 to 21 Nov 2027, 1 day left")),
        (step(fact="the certificate ends in 9 days"), step(fact="the certificate ends in 8 days")),
        (
            step("message", fact="2.0.0 Ok: queued as 4XyZ12abcde"),
            step("message", fact="2.0.0 Ok: queued as 4XyZ99defgh"),
        ),
        (step(Issued="10:41"), step(Issued="11:41")),
        (step("tcp", IPv4_x="connected in 2 ms; used"), step("tcp", IPv4_y="connected in 2 ms; used")),
    ],
)
def test_what_is_new_each_time_is_not_told(before: Step, after: Step) -> None:
    assert facts(before, after) == []


@pytest.mark.parametrize(
    "label", ["Token: ends", "Issued (iat)", "Holds until (exp)", "Queue ID, to find the message in that server's log"]
)
def test_a_label_is_known_with_its_explanation(label: str) -> None:
    before, after = (replace(step("token"), details=[[label, value]]) for value in ("one", "two"))
    assert facts(before, after) == []


def test_addresses_that_a_resolver_turns_round_did_not_change() -> None:
    before = replace(step("dns"), details=[["IPv4", "192.0.2.1"], ["IPv4", "192.0.2.2"]])
    after = replace(step("dns"), details=[["IPv4", "192.0.2.2"], ["IPv4", "192.0.2.1"]])
    assert facts(before, after) == []


def test_a_step_that_failed_saw_less_and_that_is_no_change() -> None:
    assert facts(step(PIPELINING="used"), step(state=StepState.FAILED)) == []
    assert facts(step(names="a.example"), step(state=StepState.FAILED, names="b.example"))


def test_p11_what_is_new_each_time_says_nothing_in_another_language_either() -> None:
    """Labels and units are known as they are translated; two languages are not compared."""
    german = {"Answer after": "Antwort nach", "Answer {number}": "Antwort {number}"}
    before = texts._translate, texts._translate_count, texts._carry
    texts.install(lambda text: german.get(text, text), lambda one, many, number: "{number} Tage")
    try:
        ours = step(Antwort_nach="3 ms", Antwort_1="200", gilt="noch 9 Tage")
        later = step(Antwort_nach="5 Zoll", Antwort_1="202", gilt="noch 8 Tage")
        assert facts(ours, later) == []
    finally:
        texts.install(*before)
    assert facts(step(gilt="9"), replace(step(gilt="8"), title="Verschlüsselung")) == []
