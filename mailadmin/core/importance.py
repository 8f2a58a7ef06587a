"""The priority of a message as mail programs show it (pure).

There is no one header: `Priority` is X.400's (RFC 2156 section 5.3.6), `Importance` is what Outlook and Exchange read,
`X-Priority` is what most others do. Microsoft Graph's `importance` is made from them (transports.graph.json_form).
"""

from __future__ import annotations

from collections.abc import Iterable

from .outcome import Priority

_HEADERS = {
    Priority.URGENT: {"Priority": "urgent", "X-Priority": "1", "Importance": "high"},
    Priority.NON_URGENT: {"Priority": "non-urgent", "X-Priority": "5", "Importance": "low"},
}


def importance_headers(priority: Priority, present: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers that tell `priority`: none for a normal message, and none when one of them is among the
    `present` ones, because the application has said it itself then."""
    wanted = _HEADERS.get(priority, {})
    said = {name.lower() for name in present}
    return {} if any(name.lower() in said for name in wanted) else dict(wanted)
