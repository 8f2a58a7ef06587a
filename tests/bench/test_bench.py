"""The benchmark counts what the server took, and its report says what was measured. No timing is judged here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import report, runner
from bench.runner import Result
from bench.scenarios import ONE_BY_ONE, Allowed, Contender, Goal, Scenario, ours, stock
from bench.work import Figures, Order, Target, Work
from tests.services.processes import require

SCENARIO = Scenario("X", "A test", "smtp-sink", 0, Work("each", 3), (stock(), ours()), (Goal("X", "mailadmin", 2),))


@pytest.mark.service("smtp-sink")
@pytest.mark.parametrize("server", ["smtp-sink", "pipelining chunking", "starttls auth"])
def test_every_message_that_a_contender_sends_is_counted_by_the_server(server: str) -> None:
    require("smtp-sink")
    results = runner.run(Scenario("X", "A test", server, 2, Work("each", 3), (stock(), ours())), rounds=1)
    assert [result.lost for result in results] == ["", ""]
    assert all(result.figures.seconds > 0 for result in results)


@pytest.mark.service("smtp-sink")
def test_a_message_that_the_server_did_not_count_is_told() -> None:
    require("smtp-sink")
    silent = Contender("sends nothing", backend="django.core.mail.backends.dummy.EmailBackend")
    (result,) = runner.run(Scenario("X", "A test", "smtp-sink", 0, Work("each", 3), (silent,)), rounds=1)
    assert report.missing([result]) == ["sends nothing: sent 3, the server took 0"]


def test_n7_messages_by_graph_are_counted_and_none_is_refused() -> None:
    one_by_one = replace(ONE_BY_ONE, share=1.0)
    scenario = Scenario("X", "A test", "graph at-once=4 took=5", 2, Work("each", 6, threads=3), (one_by_one, ours()))
    results = runner.run(scenario, rounds=1)
    assert [result.lost for result in results] == ["", ""]


def test_n7_a_request_that_the_server_refused_is_told() -> None:
    crowd = replace(ours(), per_minute=6000)
    scenario = Scenario("X", "A test", "graph at-once=4 per-minute=60", 0, Work("list", 20), (crowd,))
    with pytest.raises(RuntimeError, match="send more slowly"):
        runner.run(scenario, rounds=1)


def test_n7_the_speed_is_set_beside_what_the_limits_allow() -> None:
    scenario = Scenario(
        "X",
        "A test",
        "graph at-once=4 took=200",
        0,
        Work("list", 40),
        (ours(),),
        (Goal("M2", "mailadmin", 0.9, "allowed"),),
        Allowed(at_once=4, took=0.2),
    )
    page = report.table(scenario, [Result(ours(), Figures(2.5, 1.0), 40)])
    assert "of the speed that the limits allow: 80%; the goal is at least 90%: **missed**" in page
    assert Allowed(per_minute=600).seconds(100) == 9


def test_who_sends_fewer_messages_is_compared_by_message_and_named() -> None:
    scenario = Scenario("X", "A test", "graph", 40, Work("list", 40), (ONE_BY_ONE, ours()))
    page = report.table(scenario, [Result(ONE_BY_ONE, Figures(4.0, 2.0), 2), Result(ours(), Figures(4.0, 2.0), 40)])
    assert "| mailadmin | 10 | 20.00 | 50.00 | 20.00 |" in page
    assert "40 messages a round (2 of them by “one at a time" in page


@pytest.mark.parametrize(("seconds", "words"), [(1.0, "4.00; the goal is at least 2: **met**"), (4.0, "**missed**")])
def test_the_report_sets_each_ratio_beside_its_goal(seconds: float, words: str) -> None:
    results = [Result(stock(), Figures(4.0, 2.0), 40), Result(ours(), Figures(seconds, 1.0), 40)]
    page = report.table(SCENARIO, results)
    assert words in page
    assert "| stock | 10 | 1.00 | 50.00 | 1.00 |" in page


def test_memory_is_reported_in_mebibytes_and_must_stay_below_its_goal() -> None:
    goal = Goal("X", "mailadmin", 10 * 1024 * 1024, "memory")
    scenario = Scenario("X", "A test", "smtp-sink", 0, Work(), (stock(), ours()), (goal,))
    results = [Result(stock(), Figures(1, 1, 200 << 20), 1), Result(ours(), Figures(1, 1, 3 << 20), 1)]
    page = report.table(scenario, results)
    assert "| stock | 200.0 |" in page
    assert "3.0 MiB; the goal is at most 10 MiB: **met**" in page


def test_an_order_travels_as_one_line() -> None:
    order = Order("django", Work("list", 7, 2), Target(25, True, "pem\n"), {"memory": 1})
    assert "\n" not in order.to_json()
    assert Order.from_json(order.to_json()) == order
