"""API clients with a receiver for Done events, and messages that they handed over."""

from __future__ import annotations

from typing import Any

from mailadmin.core.clients import SHOWN_CHARS, digest, new_token
from mailadmin.core.outcome import SendResult
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import ApiClient, DoneNotice
from tests.delivery.conftest import a_message
from tests.fakes.graph_server import ScriptedServer

SECRET = "canary-signing-secret-5512"
PATH = "/done/canary-path-3391?token=canary-token-2207"


def client_row(server: ScriptedServer | None = None, name: str = "Shop", **values: Any) -> ApiClient:
    """Add a client, with its receiver on loopback where a scripted server is given."""
    token = new_token().reveal()
    row = ApiClient(name=name, token_digest=digest(token), token_start=token[:SHOWN_CHARS], scopes=["send"], **values)
    if server:
        row.host = server.host
        row.url.set(f"http://{server.host}{PATH}")
        row.signing.set(SECRET)
    row.full_clean()
    row.save()
    return row


def hand_over(client: ApiClient, *to: str, **options: Any) -> SendResult:
    """Send a message as `client` does by the HTTP API."""
    message = a_message(to=list(to or ("ann@example.org",)))
    return send_message(message, SendOptions(client=client.pk, label="Shop", metadata={"order": "20418"}, **options))


def notices() -> list[tuple[str, str, int]]:
    """Return outcome, state and tries of every notice, the oldest first."""
    return list(DoneNotice.objects.order_by("pk").values_list("outcome", "state", "tries"))
