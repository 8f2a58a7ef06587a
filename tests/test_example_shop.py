"""The shop in examples/ is a project as anybody has one, and does what its pages say: with this Django, in processes of
its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.smtp_server import SmtpServer

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"

ORDER = """
import django, json; django.setup()
from django.test import Client
from orders.models import Order
wanted = {"customer": "Ünal, Ann", "address": "ann@example.org", "article": "Teapot", "pieces": 2}
page = Client().post("/", wanted, follow=True)
from mailadmin.models import Delivery
rows = list(Delivery.objects.order_by("created_at").values("subject", "state", "label", "route_name", "metadata"))
print(json.dumps({"page": page.content.decode(), "confirmed": Order.objects.latest("pk").confirmed, "rows": rows}))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, set up as its README says, with an old mail server that takes everything."""
    with SmtpServer() as old:
        shop = Shop(tmp_path_factory.mktemp("shop"), old)
        shop.manage("mailadmin_key", str(shop.folder / "mailadmin.keys"))
        shop.manage("migrate", "--verbosity", "0")
        yield shop


class Shop:
    """The example in a folder of its own."""

    def __init__(self, folder: Path, old: SmtpServer) -> None:
        self.folder, self.old = folder, old
        path = os.pathsep.join([str(SHOP), str(ROOT)])
        self._environment = os.environ | {
            "PYTHONPATH": path,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "SHOP_DATA_DIR": str(folder),
            "SHOP_MAIL_HOST": "127.0.0.1",
            "SHOP_MAIL_PORT": str(old.port),
        }

    def manage(self, *words: str, **environment: str) -> str:
        return self._run([str(SHOP / "manage.py"), *words], environment)

    def order(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._run(["-c", ORDER], {}))
        return found

    def _run(self, words: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *words],
            env=self._environment | environment,
            cwd=SHOP,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + ("" if words[0] == "-c" else done.stderr)


def test_mail_leaves_from_the_first_minute_and_by_the_console_from_the_first_route(shop: Shop) -> None:
    """P1, S22: nothing of the shop's code had to change; the old server is the last resort until a route exists."""
    before = shop.order()
    assert "Thank you" in before["page"] and "could not" not in before["page"]
    assert before["confirmed"]
    assert [row["state"] for row in before["rows"]] == ["sent", "sent"]
    assert before["rows"][1]["label"] == "invoices" and before["rows"][1]["metadata"] == {"order": "1"}
    confirmation, invoice = (message_from_bytes(raw, policy=policy.default) for raw in shop.old.messages[:2])
    assert confirmation["Subject"] == "Your order 1"
    assert invoice["To"].addresses[0].display_name == "Ünal, Ann"  # type: ignore[attr-defined]  # of the new policy
    assert [part.get_content_type() for part in invoice.walk()][:4] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert invoice["Importance"] == "high"

    shop.manage("mailadmin_import")
    after = shop.order()
    assert [row["state"] for row in after["rows"]] == ["sent"] * 4
    routes = {row["route_name"] for row in after["rows"][2:]}
    assert len(routes) == 1 and not routes & {row["route_name"] for row in after["rows"][:2]}
    assert len(shop.old.messages) == 4


def test_the_project_is_sane_before_deployment(shop: Shop) -> None:
    said = shop.manage(
        "check", "--deploy", "--fail-level", "DEBUG", SHOP_DEBUG="false", SHOP_SECRET_KEY=os.urandom(40).hex()
    )
    assert "no issues" in said


def test_its_tables_are_those_of_its_models(shop: Shop) -> None:
    assert "No changes" in shop.manage("makemigrations", "--check", "--dry-run", "orders")
