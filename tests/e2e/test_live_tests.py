"""N1: the page of a running test shows each step as it ends, under gunicorn with three workers and under ASGI.

The scripted mail server answers when the test lets it, so that what the page shows in between is known without
looking at a clock. How long the page took is measured and written into the log of the run.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console, served_console, wait_for
from tests.e2e.test_look import _check
from tests.fakes.smtp_actions import Action, silent
from tests.fakes.smtp_server import Connection, SmtpServer

Picture = Callable[[Page, str], None]
GENEROUS = 10.0  # seconds; what is promised is one, and a busy machine must not fail the test
# Notes when each step shows its end, by the title of the step.
WATCH = """
    window.shown = {};
    new MutationObserver(() => {
        for (const step of document.querySelectorAll(".step")) {
            const title = step.querySelector(".step-title")?.textContent;
            if (title && /ok|warning|failed/.test(step.querySelector(".step-time").textContent)) {
                window.shown[title] ??= Date.now();
            }
        }
    }).observe(document, {childList: true, subtree: true});
"""
ADD = """
from mailadmin.models import ConnectionTest, SmtpConnection
SmtpConnection.objects.all().delete()
ConnectionTest.objects.all().delete()
plain = {{"host": "localhost", "security": "none", "from_address": "shop@example.org", "command_timeout": {limit}}}
for name, port in {rows!r}:
    SmtpConnection.objects.create(name=name, port=port, **plain)
"""
# The half minute without a beat, in advance.
AGE = """
from datetime import timedelta
from django.db.models import F
from mailadmin.models import ConnectionTest
ConnectionTest.objects.update(beat_at=F("beat_at") - timedelta(seconds=31))
"""


class Gate:
    """An answer that waits until the test opens it, and notes when it was given."""

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.reached, self.open = threading.Event(), threading.Event()
        self.answered_at = 0.0

    def __call__(self, connection: Connection) -> bool:
        self.reached.set()
        self.open.wait(60)
        self.answered_at = time.time()
        connection.say(self.reply)
        return True


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def fresh_console(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Console]:
    """A console as it is deployed."""
    with served_console(request.param) as console:
        yield console


def connect(console: Console, *ports: int, limit: float = 30) -> list[str]:
    """Add a connection to each of `ports` and forget the others; return their names."""
    rows = [(f"Relay {number}", port) for number, port in enumerate(ports, 1)]
    console.python(
        "from mailadmin.models import *\nSmtpConnection.objects.all().delete()\nConnectionTest.objects.all().delete()"
    )
    console.python(ADD.format(rows=rows, limit=limit))
    return [name for name, _ in rows]


def start(page: Page, name: str) -> None:
    page.goto("/smtp/")
    page.get_by_role("button", name=f"Test {name}").click()
    page.wait_for_url("**/tests/*/")


def step(page: Page, title: str) -> Any:
    return page.locator(".step").filter(has=page.locator(".step-title", has_text=title))


def holding(gate: Action) -> SmtpServer:
    return SmtpServer({"GREETING": [gate] * 9}, features=())


def test_n1_each_step_shows_as_it_ends_while_the_next_one_runs(
    console: Console, new_page: NewPage, picture: Picture, record_property: Callable[[str, object], None]
) -> None:
    """N1: the order is proven by gates; the time from the server's answer to the page is measured."""
    gates = {
        "Greeting": ("GREETING", Gate("220 mx.example.org ready")),
        "Sender": ("MAIL", Gate("250 2.1.0 Ok")),
        "Recipient": ("RCPT", Gate("250 2.1.5 Ok")),
        "Message": ("DOT", Gate("250 2.0.0 Ok: queued as 4Xyz12")),
    }
    page = new_page(console)
    page.add_init_script(WATCH)
    with SmtpServer({moment: [gate] for moment, gate in gates.values()}, features=()) as server:
        (name,) = connect(console, server.port)
        start(page, name)
        for title, (_, gate) in gates.items():
            assert gate.reached.wait(30)
            expect(step(page, title)).to_contain_text("running")
            expect(page.locator("#run")).to_have_attribute("aria-busy", "true")
            picture(page, f"live-{title.lower()}")
            gate.open.set()
            expect(step(page, title)).to_contain_text("ok ·")
        steps.finished_test(page)
    shown = page.evaluate("window.shown")
    delays = {title: shown[title] / 1000 - gate.answered_at for title, (_, gate) in gates.items()}
    record_property("seconds from the answer to the page", delays)
    print(
        "Seconds from the answer of the server to the page:", {title: round(late, 2) for title, late in delays.items()}
    )
    assert [title for title in shown if title in gates] == list(gates)
    assert all(0 <= late < GENEROUS for late in delays.values()), delays


def test_n1_stop_ends_a_test_in_the_middle_of_a_step(console: Console, page: Page, picture: Picture) -> None:
    gate = Gate("220 too late")
    with holding(gate) as server:
        (name,) = connect(console, server.port)
        start(page, name)
        assert gate.reached.wait(30)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".banner").first).to_contain_text("Stopped on request")
        expect(page.locator("#run")).not_to_have_attribute("aria-busy", "true")
        picture(page, "live-stopped")
        gate.open.set()


def test_n1_a_server_that_says_nothing_ends_at_its_time_limit(console: Console, page: Page) -> None:
    with holding(silent) as server:
        (name,) = connect(console, server.port, limit=1)
        start(page, name)
        steps.finished_test(page)
    expect(step(page, "Greeting")).to_contain_text("failed")
    expect(step(page, "Greeting")).to_contain_text("What to do")


def test_n1_a_test_whose_process_dies_shows_as_interrupted(
    console: Console, new_page: NewPage, picture: Picture
) -> None:
    """N1: kill -9 of the workers in the middle of a step; no beat comes any more, and the page says so."""
    page = new_page(console)
    page.complaints.expect("net::ERR_")  # type: ignore[attr-defined]  # polls that meet the killed workers
    page.complaints.expect("htmx:")  # type: ignore[attr-defined]  # ... and that htmx tells of
    gate = Gate("220 too late")
    with holding(gate) as server:
        (name,) = connect(console, server.port)
        start(page, name)
        assert gate.reached.wait(30)
        killed = workers_of(console)
        if not killed:
            pytest.skip("uvicorn serves from one process, which nobody would start again")
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: workers_of(console) and not set(workers_of(console)) & set(killed), 30)
        console.python(AGE)  # nobody is left who beats
        interrupted = page.locator(".banner", has_text="The test was interrupted.")
        expect(interrupted).to_be_visible(timeout=30_000)  # the new workers have to start first
        expect(page.locator("#run")).not_to_have_attribute("aria-busy", "true")
        expect(page.get_by_role("button", name="Test again")).to_be_visible()
        picture(page, "live-interrupted")
        gate.open.set()


def test_n1_all_connections_are_tested_side_by_side(console: Console, new_page: NewPage, picture: Picture) -> None:
    page, gate = new_page(console), Gate("220 mx.example.org ready")
    with holding(gate) as held, SmtpServer(features=()) as free, SmtpServer({"MAIL": ["550 5.7.1 no"]}) as refusing:
        connect(console, held.port, free.port, refusing.port)
        page.goto("/tests/")
        page.get_by_role("button", name="Test all").click()
        page.wait_for_url("**/tests/all/*/")
        expect(page.locator(".banner").first).to_contain_text("2 of 3 connections tested. 1 failed: Relay 3.")
        expect(page.locator("#batch")).to_have_attribute("aria-busy", "true")
        picture(page, "batch-running")
        gate.open.set()
        expect(page.locator(".banner").first).to_contain_text("1 of 3 connections failed: Relay 3.")
        expect(page.locator("#batch")).not_to_have_attribute("aria-busy", "true")
        expect(page.locator("#batch-actions").get_by_role("button", name="Test all again")).to_be_visible()
        _check(page, "batch", picture)
        page.get_by_role("link", name="What to do about “Sender”").click()
        expect(step(page, "Sender")).to_contain_text("What to do")


def test_n1_all_connections_are_tested_without_javascript(console: Console, new_page: NewPage) -> None:
    page, gate = new_page(console, java_script_enabled=False), Gate("220 mx.example.org ready")
    with holding(gate) as held, SmtpServer(features=()) as free:
        connect(console, held.port, free.port)
        page.goto("/tests/")
        page.get_by_role("button", name="Test all").click()
        assert gate.reached.wait(30)
        gate.open.set()
        done = page.locator(".banner", has_text="All 2 connections work.")
        for _ in range(50):
            if done.count():
                break
            with page.expect_navigation():
                page.get_by_role("link", name="Show how far it is").click()
        expect(done).to_be_visible()


def test_n13_two_tests_are_compared_and_the_report_comes_without_names(
    console: Console, new_page: NewPage, picture: Picture
) -> None:
    page = new_page(console)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with SmtpServer({"MAIL": [None, "550 5.7.1 no"]}, features=("SIZE 1000",)) as server:
        (name,) = connect(console, server.port)
        for _ in range(2):
            start(page, name)
            steps.finished_test(page)
    changed = page.locator("section", has=page.get_by_role("heading", name="Changed since the previous test"))
    expect(changed).to_contain_text("Sender")
    _check(page, "test-changed", picture)
    page.get_by_text("Report to copy").click()
    page.get_by_label("Without: hosts").check()
    page.get_by_role("button", name="Copy report").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "address-1" in copied
    assert "shop@example.org" not in copied
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "shop@example.org" not in Path(download.value.path()).read_text()
    page.get_by_role("link", name="Compare step by step").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare two tests")
    _check(page, "test-compare", picture)


def workers_of(console: Console) -> list[int]:
    """Return the processes that gunicorn's master started, [] under uvicorn."""
    port = console.address.rpartition(":")[2]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            mother = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        bind = f"127.0.0.1:{port}".encode()
        if bind in command and bind in mother and b"gunicorn" in command:
            found.append(int(entry.name))
    return found
