"""A page that is listened to: whatever the browser complains of fails the test."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

# The browser gives a request up when it goes to the next page: the page's polling ends that way.
_GIVEN_UP = "net::ERR_ABORTED"


class Complaints:
    """What the browser said against the pages of one context: errors and warnings of its console (the Content
    Security Policy's too), errors of scripts, requests that failed."""

    def __init__(self, context: BrowserContext) -> None:
        self.heard: list[str] = []
        self._expected: list[str] = []
        context.on("page", self._listen)

    def expect(self, part: str) -> None:
        """Say that a complaint with `part` in it belongs to the test (such as "status of 403")."""
        self._expected.append(part)

    def check(self) -> None:
        """Fail when there was a complaint that nobody expected."""
        unexpected = [each for each in self.heard if not any(part in each for part in self._expected)]
        assert not unexpected, "The browser complains:\n" + "\n".join(unexpected)

    def _listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._failed)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.location.get('url')}: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != _GIVEN_UP:
            self.heard.append(f"{request.url}: {request.failure}")
