"""A running console, a browser, and pages that fail the test when the browser complains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e import steps
from tests.e2e.console import Console, running_console
from tests.e2e.watched import Complaints
from tests.services.processes import program, require

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-quic"),
)
TIMEOUT = 15_000  # milliseconds; the machine may be busy with other tests
# From the first start to a delivered message, and the way from broken set-ups.
_WITH_EVERY_DJANGO = frozenset({"test_first_run", "test_mending"})
NewPage = Callable[..., Page]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what is in this folder: it drives a browser. Most of it is the same with every Python and Django."""
    item.add_marker(pytest.mark.browser)
    if item.path.stem not in _WITH_EVERY_DJANGO:
        item.add_marker(pytest.mark.browser_once)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Ends with this folder: Playwright's event loop is in the way of other tests."""
    require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def fresh_console(browser: Browser) -> Iterator[Console]:
    """A console that nobody has signed in to yet."""
    with running_console() as console:
        yield console


@pytest.fixture(scope="module")
def console(fresh_console: Console) -> Console:
    """A console whose administrator has a password, and nothing else."""
    fresh_console.python(steps.CHOOSE_PASSWORD)
    return fresh_console


@pytest.fixture(scope="module")
def sandboxed(console: Console, browser: Browser) -> Console:
    """A console with the sandbox's two routes."""
    context = browser.new_context(base_url=console.address)
    page = context.new_page()
    steps.sign_in(page)
    steps.add_sandbox(page)
    context.close()
    return console


@pytest.fixture(scope="module")
def signed_in(console: Console, browser: Browser) -> Callable[[str], Any]:
    """Return the cookies of a user who signed in; each user signs in once a module."""
    kept: dict[str, Any] = {}

    def state(user: str) -> Any:
        if user not in kept:
            context = browser.new_context(base_url=console.address)
            steps.sign_in(context.new_page(), user)
            kept[user] = context.storage_state()
            context.close()
        return kept[user]

    return state


@pytest.fixture
def new_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """Make pages: new_page(console, user="admin", **options of the browser's context). At the end of the test none
    may have had a complaint; `page.complaints.expect(...)` names those that belong to the test."""
    with ExitStack() as stack:
        heard: list[Complaints] = []

        def make(console: Console, user: str | None = "admin", **options: Any) -> Page:
            state = request.getfixturevalue("signed_in")(user) if user else None
            context = browser.new_context(base_url=console.address, storage_state=state, **options)
            stack.callback(context.close)
            heard.append(Complaints(context))
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.complaints = heard[-1]  # type: ignore[attr-defined]  # so that a test can name those it provokes
            return page

        yield make
        for complaints in heard:
            complaints.check()


@pytest.fixture
def page(console: Console, new_page: NewPage) -> Page:
    """A page with the administrator signed in."""
    return new_page(console)


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Write a picture of a page into the folder that MAILADMIN_SCREENSHOTS names; do nothing without it."""
    folder = os.environ.get("MAILADMIN_SCREENSHOTS")

    def take(page: Page, name: str, whole: bool = True) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole, animations="disabled")

    return take
