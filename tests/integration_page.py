"""Reads docs/integrate.md, so that what the page says is what the tests do."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in `language`, in their order."""
    text = (ROOT / "docs" / "integrate.md").read_text("utf-8")
    return [code for found, code in _BLOCK.findall(text) if found == language]


def block(first_line: str) -> str:
    """Return the one Python block that begins with the remark `first_line`."""
    (found,) = [code for code in blocks("python") if code.splitlines()[0] == f"# {first_line}"]
    return found
