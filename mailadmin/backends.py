"""Django's door in: `mailadmin.backends.EmailBackend`, for `MAILERS` (Django 6.1) and `EMAIL_BACKEND` (5.2)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .conf import ConfigurationError
from .core.errors import MailError
from .core.settings import RouteKey
from .delivery import routes
from .delivery.many import send_list
from .delivery.options import SendOptions, mailer_options
from .delivery.send import Sessions


class EmailBackend(BaseEmailBackend):
    """Sends by the routes of the console.

    Options: `route` is the name of the one route to use, `label` goes with every message into the log; `delivery`
    is "direct" (the caller waits) or "queued" (a worker sends), and `priority` is "urgent", "normal" or "non-urgent".
    `username` and `password` are accepted, as Django passes them on 5.2, and not used: the credentials
    are in the console. Making an instance does no I/O.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        route: str = "",
        label: str = "",
        delivery: str = "",
        priority: str = "",
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alias: str | None = getattr(self, "alias", None)
        self.fail_silently = fail_silently
        self.route = route
        self.label = label
        self.delivery = delivery
        self.priority = priority
        self._lock = threading.RLock()
        self._sessions: Sessions | None = None

    def open(self) -> bool | None:
        """Hold connections for this backend until `close()`. Returns True when that is new, else False, as Django's
        do. Without it the process's pool of sessions is used, which needs no care."""
        if self._sessions is not None:
            return False
        self._sessions = Sessions(hold=True)
        return True

    def close(self) -> None:
        """End what `open()` held; what another thread is sending by it goes first."""
        with self._lock:
            sessions, self._sessions = self._sessions, None
            if sessions:
                sessions.close()

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Send each message, or queue it; return how many were taken by a server or by the outbox. Messages without
        recipients are skipped.

        Raises the first MailError unless `fail_silently`; BadMessage and ConfigurationError always.
        """
        if not email_messages:
            return 0
        with self._lock:
            try:
                options = self._options()
            except MailError:  # the settings cannot be read
                if self.fail_silently:
                    return 0
                raise
            if self._sessions:
                return send_list(email_messages, options, self._sessions, self.fail_silently)
            with contextlib.closing(Sessions()) as sessions:
                return send_list(email_messages, options, sessions, self.fail_silently)

    def _options(self) -> SendOptions:
        own = mailer_options(self.delivery, self.priority)
        return SendOptions(mailer=self.alias or "", label=self.label, route=self._chosen_route(), **own)

    def _chosen_route(self) -> RouteKey | None:
        if not self.route:
            return None
        chosen = routes.current().named(self.route)
        if chosen is None:
            text = f"The mailer asks for the route “{self.route}”, which is not enabled in the console."
            raise ConfigurationError(text)
        return chosen
