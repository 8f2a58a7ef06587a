"""Signals: what became of messages and routes, told to the application.

They are sent after the fact is written down, from the process that learned it (the caller's in direct mode, a worker's
in queued mode), and a receiver that raises changes nothing: the log says which one, and the type of its error. The
sender is the class `Delivery` or `RouteState`.

- `message_sent`, `message_failed`, `message_unsure`: `delivery_id` (text, or None when the log could not be written)
  and `result` (a `core.outcome.SendResult`: the state, each recipient's outcome, the Message-ID, the reason);
  `label` is the endpoint label, and `client` the primary key of the API client that handed it over, or None. A message
  that only some recipients got is told by `message_sent` and by `message_failed`, each once, when nothing more is to
  come. One that expired or was cancelled is a failed one, as its state says.
- `route_changed`: `route` (a `core.settings.RouteKey`), `name`, `before` and `after` ("well", "failing", "stopped",
  "paused") and `reason` (a sentence, "" when it is well).

A receiver may send mail. What becomes of that is told, too; but not of what is sent because of that, so that an alert
about a failure that fails in its turn is no endless loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.dispatch import Signal

from .delivery.telling import tell


class RobustSignal(Signal):
    """A signal for `send_robust`. Django logs a receiver's error with the values in its frames, which a usual
    configuration sends by e-mail, and so by mailadmin; here the type of the error must do."""

    def _log_robust_failure(self, receiver: Callable[..., object], err: Exception) -> None:
        name = getattr(receiver, "__qualname__", type(receiver).__name__)
        tell(logging.ERROR, "The signal receiver %s raised %s.", name, type(err).__name__)


message_sent = RobustSignal()
message_failed = RobustSignal()
message_unsure = RobustSignal()
route_changed = RobustSignal()
