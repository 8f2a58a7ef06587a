"""Signals: what became of messages and routes, told to the application.

They are sent after the fact is written down, from the process that learned it (the caller's in direct mode, a worker's
in queued mode), with `send_robust`: a receiver that raises changes nothing. The sender is the class `Delivery` or
`RouteState`.

- `message_sent`, `message_failed`, `message_unsure`: `delivery_id` (text, or None when the log could not be written)
  and `result` (a `core.outcome.SendResult`: the state, each recipient's outcome, the Message-ID, the reason);
  `label` is the endpoint label. A message that only some recipients got is told by `message_sent` and by
  `message_failed`, each once, when nothing more is to come.
- `route_changed`: `route` (a `core.settings.RouteKey`), `name`, `before` and `after` ("well", "failing", "stopped",
  "paused") and `reason` (a sentence, "" when it is well).
"""

from __future__ import annotations

from django.dispatch import Signal

message_sent = Signal()
message_failed = Signal()
message_unsure = Signal()
route_changed = Signal()
