"""How much the simulated Graph takes at once and in a minute, and what it counts.

Source of the rules: learn.microsoft.com, "Microsoft Graph service-specific throttling limits" (Outlook service) and
"Exchange Online limits".
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from .refusal import Refused

RETRY_AFTER = {"Retry-After": "2"}  # seconds; enough for what is under way to end


@dataclass(frozen=True)
class Limits:
    """`requests_at_once` for the application, `messages_per_minute` for each mailbox (a full minute's may come at
    once); 0 sets no limit. `latency` is added to each request, in seconds."""

    requests_at_once: int = 4
    messages_per_minute: int = 0
    latency: float = 0.0


MICROSOFTS = Limits()


@dataclass(frozen=True)
class Statistics:
    """What was seen since the start: requests by kind ("token", "sendMail", "range", ...), the most of them to Graph
    that were under way at once, the answers 429 to limits, and the tokens that were issued."""

    requests: Mapping[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    throttled: int = 0
    tokens_issued: int = 0


class Manners:
    """Keeps the limits and counts; for all threads of the server. `clock` returns seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._left: dict[str, tuple[float, float]] = {}  # for a mailbox: messages left, and as of when
        self._requests: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Start to count anew."""
        with self._lock:
            self._requests.clear()
            self._most = self._under_way
            self._throttled = self._tokens = 0

    def statistics(self) -> Statistics:
        """Return the counts as they are now."""
        with self._lock:
            return Statistics(dict(self._requests), self._most, self._throttled, self._tokens)

    def saw(self, kind: str) -> None:
        """Count a request."""
        with self._lock:
            self._requests[kind] += 1

    def issued(self) -> None:
        """Count a token."""
        with self._lock:
            self._tokens += 1

    def wait(self) -> None:
        """Let the latency pass, without holding anybody else up."""
        if self.limits.latency:
            time.sleep(self.limits.latency)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request to Graph as under way while the block runs; the latency is part of it.

        Raises Refused (429) when too many are. The block must end before the answer leaves: whoever has read an
        answer may ask again at once.
        """
        with self._lock:
            self._under_way += 1
            self._most = max(self._most, self._under_way)
            allowed = self.limits.requests_at_once
            too_many = bool(allowed) and self._under_way > allowed
            self._throttled += too_many
        try:
            if too_many:
                text = "Application is over its MailboxConcurrency limit."
                raise Refused(429, "ApplicationThrottled", text, RETRY_AFTER)
            self.wait()
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def message(self, mailbox: str) -> None:
        """Count a message of `mailbox`. Raises Refused (429) with the seconds to wait when it is over its limit."""
        a_minute = self.limits.messages_per_minute
        if not a_minute:
            return
        with self._lock:
            now = self._clock()
            left, since = self._left.get(mailbox, (float(a_minute), now))
            left = min(left + (now - since) * a_minute / 60, a_minute)
            self._left[mailbox] = (left - 1 if left >= 1 else left, now)
            if left >= 1:
                return
            self._throttled += 1
        seconds = str(int((1 - left) * 60 / a_minute) + 1)
        text = f"The mailbox is over its limit of {a_minute} messages a minute."
        raise Refused(429, "ApplicationThrottled", text, {"Retry-After": seconds})
