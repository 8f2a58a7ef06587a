"""What docs/messages.md shows to a developer does what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.test import override_settings

from mailadmin.core import knowledge, limits
from mailadmin.core.body_formats import BodyFormat
from mailadmin.delivery.message import Message
from mailadmin.models import Delivery
from tests.fakes.smtp_server import SmtpServer
from tests.integration_page import ROOT

from .conftest import plain

pytestmark = pytest.mark.django_db
PAGE = (ROOT / "docs" / "messages.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OURS = {"MAILERS": {"default": {"BACKEND": "mailadmin.backends.EmailBackend"}}}
OLD = {"EMAIL_BACKEND": "mailadmin.backends.EmailBackend"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    (tmp_path / "invoices").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "invoices" / "4711.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "images" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.chdir(tmp_path)
    with SmtpServer() as running, override_settings(**(OURS if django.VERSION >= (6, 1) else OLD)):
        plain(running)
        yield running


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_works(server: SmtpServer, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "docs/messages.md", "exec"), {})
    assert Delivery.objects.count() == ("send(" in code)
    for said in re.findall(r"print\(.*  # (.*)$", code, re.MULTILINE):
        assert capsys.readouterr().out.strip() == said


def test_all_kinds_of_attachments_arrive(server: SmtpServer) -> None:
    (code,) = [code for code in EXAMPLES if "Of all kinds" in code]
    exec(compile(code, "docs/messages.md", "exec"), {})
    assert server.messages[0].count(b"Content-Disposition: attachment") == 7


def test_every_option_and_format_and_limit_is_on_the_page() -> None:
    arguments = set(Message.__init__.__code__.co_varnames[1 : Message.__init__.__code__.co_argcount])
    arguments |= set(Message.__init__.__kwdefaults__)
    assert [name for name in sorted(arguments) if not re.search(rf"\b{name}\b", PAGE)] == []
    assert set(
        re.findall(r"^\| `(\w+)` \|", PAGE.partition("| `body_format` |")[2].partition("## ")[0], re.MULTILINE)
    ) == set(BodyFormat)
    for limit in (
        limits.MESSAGE_RECIPIENTS,
        limits.ATTACHMENTS,
        limits.ATTACHMENTS_BYTES // 1_000_000,
        limits.METADATA_ENTRIES,
        limits.METADATA_CHARS,
    ):
        assert re.search(rf"\b{limit}\b", PAGE), limit


def test_every_code_is_one_of_the_knowledge_base() -> None:
    known = {entry.id for entry in knowledge.entries()}
    codes = re.findall(r"`([a-z-]+)`", PAGE.partition("| code |")[2].partition("\n\n")[0])
    assert len(codes) > 15
    assert set(codes) <= known


def test_its_links_lead_to_a_heading() -> None:
    for page, place in re.findall(r"\]\(([\w.]*)(?:#([\w-]+))?\)", PAGE):
        text = (ROOT / "docs" / page).read_text("utf-8") if page else PAGE
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not place or place in anchors, (page, place)
