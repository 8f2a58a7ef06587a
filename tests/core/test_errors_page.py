"""The page of all errors says what the knowledge base says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mailadmin.core.errors_page import page
from mailadmin.core.knowledge import entries

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text("utf-8") == page(), "Run: make errors-page"


def test_each_entry_has_its_anchor_and_its_row() -> None:
    text = page()
    for entry in entries():
        assert text.count(f'<a id="{entry.id}"></a>') == 1
        assert f"| [{entry.id}](#{entry.id}) | {entry.title} |" in text
        assert all(step.replace("<", "&lt;") in text for step in entry.remedy)


def test_the_page_is_printed_by_the_module() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "mailadmin.core.errors_page"], capture_output=True, check=True, cwd=DOCS.parents[1]
    )
    assert made.stdout.decode() == page()
