"""From figures to tables: what was measured, as ratios to the first contender, and the goals beside them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime

import django

from bench.runner import Result
from bench.scenarios import Allowed, Goal, Scenario

_MEGABYTE = 1024 * 1024


def table(scenario: Scenario, results: list[Result]) -> str:
    """Return the scenario as a Markdown table with a sentence for each goal."""
    distance = f"round trip {scenario.round_trip_ms:g} ms" if scenario.round_trip_ms else "no distance"
    lines = [
        f"### {scenario.title}, {distance}",
        "",
        f"Server: {scenario.server}; {results[-1].messages} messages a round{_fewer(results)}.",
        "",
    ]
    lines += _memory_rows(results) if _of_memory(scenario) else _speed_rows(results)
    lines += ["", *(_judged(goal, results, scenario.allowed) for goal in scenario.goals), ""]
    return "\n".join(lines)


def page(tables: Iterable[str], command: str, rounds: int, note: str = "") -> str:
    """Return the tables of one Django as a section of docs/performance.md."""
    head = [
        f"## Django {django.get_version()}, Python {platform.python_version()}",
        "",
        f"Made by `{command}` on {datetime.now(UTC):%-d %b %Y}; medians of {rounds} rounds. {note}".rstrip(),
        "",
    ]
    return "\n".join([*head, *tables])


def missing(results: list[Result]) -> list[str]:
    """Return a sentence for each contender whose messages the server did not count."""
    return [f"{result.contender.title}: {result.lost}" for result in results if result.lost]


def _fewer(results: list[Result]) -> str:
    """Name the contenders that sent fewer messages than the others."""
    most = max(result.messages for result in results)
    few = [f"{one.messages} of them by “{one.contender.title}”" for one in results if one.messages < most]
    return f" ({', '.join(few)})" if few else ""


def _of_memory(scenario: Scenario) -> bool:
    return any(goal.what == "memory" for goal in scenario.goals)


def _speed_rows(results: list[Result]) -> list[str]:
    rows = ["| sender | messages/s | ratio | CPU s / 1000 | ratio |", "|---|---:|---:|---:|---:|"]
    for result in results:
        speed = result.messages / result.figures.seconds
        cpu = result.figures.cpu_seconds / result.messages * 1000
        own = result.contender.name != "smtp-source"  # its CPU is another process's
        rows.append(
            f"| {result.contender.title} | {speed:.4g} | {_speed(results, result):.2f} | "
            f"{f'{cpu:.2f}' if own else '-'} | {f'{_cpu(results, result):.2f}' if own else '-'} |"
        )
    return rows


def _memory_rows(results: list[Result]) -> list[str]:
    rows = ["| sender | MiB added |", "|---|---:|"]
    return rows + [f"| {one.contender.title} | {one.figures.memory_bytes / _MEGABYTE:.1f} |" for one in results]


def _judged(goal: Goal, results: list[Result], allowed: Allowed | None) -> str:
    result = next(one for one in results if one.contender.title == goal.contender)
    if goal.what == "memory":
        reached, met = (
            f"{result.figures.memory_bytes / _MEGABYTE:.1f} MiB",
            result.figures.memory_bytes <= goal.at_least,
        )
        wanted = f"at most {goal.at_least / _MEGABYTE:.0f} MiB"
    elif goal.what == "allowed":
        assert allowed
        share = allowed.seconds(result.messages) / result.figures.seconds
        reached, met, wanted = f"{share:.0%}", share >= goal.at_least, f"at least {goal.at_least:.0%}"
        what = "of the speed that the limits allow"
        return _sentence(goal, what, reached, wanted, met)
    else:
        ratio = _cpu(results, result) if goal.what == "CPU" else _speed(results, result)
        reached, met, wanted = f"{ratio:.2f}", ratio >= goal.at_least, f"at least {goal.at_least:g}"
    return _sentence(goal, goal.what, reached, wanted, met)


def _sentence(goal: Goal, what: str, reached: str, wanted: str, met: bool) -> str:
    verdict = "met" if met else "missed"
    return f"- {goal.id}, {goal.contender}, {what}: {reached}; the goal is {wanted}: **{verdict}**."


def _speed(results: list[Result], result: Result) -> float:
    """Compare by message: a slow contender sends fewer of them."""
    return (results[0].figures.seconds / results[0].messages) / (result.figures.seconds / result.messages)


def _cpu(results: list[Result], result: Result) -> float:
    own = max(result.figures.cpu_seconds, 1e-9) / result.messages
    return results[0].figures.cpu_seconds / results[0].messages / own
