"""Running a scenario: one server, and the contenders in turn, round after round, each in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.fernet import Fernet

from bench.scenarios import Contender, Scenario
from bench.servers import GRAPH, Server, serving
from bench.work import Figures, Order, Target, Work

_SECONDS = 300  # no contender needs a minute; what hangs must end


@dataclass(frozen=True)
class Result:
    """The median figures of one contender for `messages` messages a round; `lost` is set when the server did not
    count what was sent."""

    contender: Contender
    figures: Figures
    messages: int
    lost: str = ""


def run(scenario: Scenario, rounds: int, share: float = 1.0) -> list[Result]:
    """Return the contenders' medians over `rounds`, with `share` of the scenario's messages.

    The contenders take turns, so that a change of the machine's temper meets all of them.
    """
    works = [
        replace(scenario.work, messages=max(round(scenario.work.messages * share * contender.share), 1))
        for contender in scenario.contenders
    ]
    measured: list[list[Figures]] = [[] for _ in scenario.contenders]
    lost = [""] * len(scenario.contenders)
    with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as name:
        folder = Path(name)
        with serving(scenario.server, scenario.round_trip_ms, folder) as server, _projects(scenario, server, folder):
            for _ in range(rounds):
                for place, contender in enumerate(scenario.contenders):
                    before, refused = server.count(), server.refused()
                    measured[place].append(_send(contender, works[place], server, folder))
                    lost[place] = lost[place] or _missing(
                        contender, works[place], server.count() - before, server.refused() - refused
                    )
    return [
        Result(contender, _median(figures), work.messages, missing)
        for contender, figures, work, missing in zip(scenario.contenders, measured, works, lost, strict=True)
    ]


def _missing(contender: Contender, work: Work, counted: int, refused: int) -> str:
    """Say so when the server counted fewer messages than were sent (a warm-up may come on top), or refused requests
    because they were too many."""
    if refused:
        return f"the server refused {refused} requests with 429"
    wanted = 1 if contender.options.get("first") else work.messages
    extra = 0 if contender.options.get("first") or contender.name == "smtp-source" else 2
    return "" if wanted <= counted <= wanted + extra else f"sent {wanted}, the server took {counted}"


@contextmanager
def _projects(scenario: Scenario, server: Server, folder: Path) -> Iterator[None]:
    """Make the database of each number of sessions, and of each pace, that a contender wants."""
    os.environ["BENCH_KEY"] = Fernet.generate_key().decode()
    for sessions, per_minute in {(contender.sessions, contender.per_minute) for contender in scenario.contenders}:
        order = {
            "port": server.port,
            "secured": bool(server.ca_pem),
            "ca_pem": server.ca_pem,
            "sessions": sessions,
            "graph": scenario.server.startswith(GRAPH),
            "per_minute": per_minute,
        }
        environment = _environment(Contender("", sessions=sessions, per_minute=per_minute), server, folder)
        _call(["bench.prepare", json.dumps(order)], environment)
    yield


def _send(contender: Contender, work: Work, server: Server, folder: Path) -> Figures:
    target = Target(server.port, bool(server.ca_pem), server.ca_pem)
    order = Order(contender.name, work, target, contender.options)
    output = _call(["bench.contenders", order.to_json()], _environment(contender, server, folder))
    return Figures(**json.loads(output.splitlines()[-1]))


def _environment(contender: Contender, server: Server, folder: Path) -> dict[str, str]:
    authority = folder / "authority.pem"
    if server.ca_pem and not authority.exists():
        authority.write_text(server.ca_pem)
    own = {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "BENCH_DATABASE": str(folder / f"{contender.sessions}-{contender.per_minute}.sqlite3"),
        "BENCH_PORT": str(server.port),
        "BENCH_SECURED": "yes" if server.ca_pem else "no",
        "BENCH_LOG": "on" if contender.log else "off",
        "BENCH_DELIVERY": "queued" if contender.queued else "direct",
        "BENCH_BACKEND": contender.backend or "django.core.mail.backends.dummy.EmailBackend",
    }
    return os.environ | own | ({"SSL_CERT_FILE": str(authority)} if server.ca_pem else {})


def _call(module: list[str], environment: dict[str, str]) -> str:
    """Run one of our modules and return what it printed. Raises RuntimeError with its words when it fails."""
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{' '.join(module)[:200]} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def _median(figures: list[Figures]) -> Figures:
    values = [asdict(one) for one in figures]
    return Figures(**{name: statistics.median(one[name] for one in values) for name in values[0]})
