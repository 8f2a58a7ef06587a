"""docs/commands.md names every command, and its links lead somewhere."""

from __future__ import annotations

import re

from django.core.management import get_commands

from tests.integration_page import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "commands.md").read_text("utf-8")


def test_p11_every_command_is_on_the_page() -> None:
    ours = {name for name, app in get_commands().items() if app == "mailadmin"}
    assert ours == set(re.findall(r"^\| \[`(\w+)`\]", PAGE, re.MULTILINE))


def test_its_links_lead_to_a_heading() -> None:
    for page, place in re.findall(r"\]\(([\w.]*)(?:#([\w-]+))?\)", PAGE):
        text = (DOCS / page).read_text("utf-8") if page else PAGE
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not place or place in anchors, (page, place)
