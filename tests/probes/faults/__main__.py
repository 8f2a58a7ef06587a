"""`python -m tests.probes.faults`: write docs/diagnosis.md."""

from __future__ import annotations

from .page import PAGE, page, sections

if __name__ == "__main__":
    PAGE.write_text(page(sections()), "utf-8")
