"""Make the database of the contenders' project; run in a process of its own, with its settings."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

from bench.work import SENDER


def main(order: dict[str, Any]) -> None:
    """Migrate, and write the one route that our backend sends by."""
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    if order["graph"]:
        _graph(order["port"], order["ca_pem"], order["per_minute"])
    else:
        _smtp(order["port"], order["secured"], order["ca_pem"], order["sessions"])


def _smtp(port: int, secured: bool, ca_pem: str, sessions: int) -> None:
    from mailadmin.models import SmtpConnection

    SmtpConnection.objects.all().delete()
    row = SmtpConnection(name="Bench", host="localhost", port=port, security="none", parallel=sessions)
    if secured:
        row.security, row.ca_pem, row.auth, row.user_name = "starttls", ca_pem, "password", "bench"
        row.secret.set("bench")
    row.save()


def _graph(port: int, ca_pem: str, per_minute: int) -> None:
    from mailadmin.models import IntegratedService, OAuthService

    host = f"localhost:{port}"
    app = IntegratedService(
        name="Bench",
        cloud="custom",
        authority_host=host,
        graph_host=host,
        ca_pem=ca_pem,
        tenant="bench",
        client_id="bench",
    )
    app.set_secret("bench")
    app.save()
    OAuthService.objects.create(
        name="Bench",
        integrated_service=app,
        service_identity=SENDER,
        messages_per_minute=per_minute,
        large_messages=True,
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
