"""Make the database of the contenders' project; run in a process of its own, with its settings."""

from __future__ import annotations

import json
import sys

import django


def main(port: int, secured: bool, ca_pem: str, sessions: int) -> None:
    """Migrate, and capture the one SMTP connection that our backend sends by."""
    django.setup()
    from django.core.management import call_command

    from mailadmin.models import SmtpConnection

    call_command("migrate", verbosity=0, interactive=False)
    SmtpConnection.objects.all().delete()
    row = SmtpConnection(name="Bench", host="localhost", port=port, security="none", parallel=sessions)
    if secured:
        row.security, row.ca_pem, row.auth, row.user_name = "starttls", ca_pem, "password", "bench"
        row.secret.set("bench")
    row.save()


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    main(order["port"], order["secured"], order["ca_pem"], order["sessions"])
