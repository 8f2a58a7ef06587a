"""G10: what the first message of a process loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fakes.smtp_server import SmtpServer

ROOT = Path(__file__).resolve().parent.parent.parent
# A program that sends one message by SMTP, with the values of a route instead of a database, and tells what it loaded.
PROGRAM = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mailadmin"], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.core.mail import EmailMessage
from mailadmin.core.settings import RouteKey, RouteKind, Security, SmtpRoute
from mailadmin.delivery import routes, send
key = RouteKey(RouteKind.SMTP, "5b6d3b0e-5f0e-4a53-9d2b-0d2f2f6f3a01")
route = SmtpRoute(key, "Relay", host="127.0.0.1", port=int(sys.argv[1]), security=Security.NONE)
snapshot = routes.Snapshot("1", (route,), {})
job = send.prepare(EmailMessage("s", "b", "a@example.org", ["b@example.org"]), send.SendOptions(), snapshot)
assert send.complete(job, send.Sessions()).sent
print(*(name for name in ("msal", "requests", "urllib3", "cryptography", "python_socks", "scramp", "spnego")
        if name in sys.modules))
"""


def test_g10_a_message_by_smtp_loads_no_library_that_it_does_not_use() -> None:
    with SmtpServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(server.port)], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
