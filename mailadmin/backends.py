"""Django's door in: `mailadmin.backends.EmailBackend`, for `MAILERS` (Django 6.1) and `EMAIL_BACKEND` (5.2)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .conf import ConfigurationError
from .core.errors import BadMessage, MailError
from .core.settings import RouteKey
from .delivery import routes
from .delivery.send import SendOptions, Sessions, send_message


class EmailBackend(BaseEmailBackend):
    """Sends by the routes of the console.

    Options: `route` is the name of the one route to use, `label` goes with every message into the log.
    `username` and `password` are accepted, as Django passes them on 5.2, and not used: the credentials
    are in the console. Making an instance does no I/O.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        route: str = "",
        label: str = "",
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alias: str | None = getattr(self, "alias", None)
        self.fail_silently = fail_silently
        self.route = route
        self.label = label
        self._lock = threading.RLock()
        self._sessions: Sessions | None = None

    def open(self) -> bool | None:
        """Keep connections open until `close()`. Returns True when that is new, else False, as Django's do."""
        if self._sessions is not None:
            return False
        self._sessions = Sessions()
        return True

    def close(self) -> None:
        """Close what `open()` kept."""
        sessions, self._sessions = self._sessions, None
        if sessions:
            sessions.close()

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Send each message; return how many were taken by a server. Messages without recipients are skipped.

        Raises the first MailError unless `fail_silently`; BadMessage and ConfigurationError always.
        """
        sent = 0
        with self._lock:
            opened = None
            try:
                for message in email_messages:
                    opened = self.open() or opened
                    sent += self._send(message)
            finally:
                if opened:
                    self.close()
        return sent

    def _send(self, message: EmailMessage) -> bool:
        if not message.recipients():
            return False
        try:
            result = send_message(message, self._options(), self._sessions)
        except BadMessage:
            raise
        except MailError:
            if not self.fail_silently:
                raise
            return False
        return result.sent

    def _options(self) -> SendOptions:
        return SendOptions(mailer=self.alias or "", label=self.label, route=self._chosen_route())

    def _chosen_route(self) -> RouteKey | None:
        if not self.route:
            return None
        chosen = routes.current().named(self.route)
        if chosen is None:
            text = f"The mailer asks for the route “{self.route}”, which is not enabled in the console."
            raise ConfigurationError(text)
        return chosen
