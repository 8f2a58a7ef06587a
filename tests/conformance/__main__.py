"""`python -m tests.conformance`: write docs/conformance.md."""

from __future__ import annotations

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from .kinds import KINDS
    from .page import PAGE, page, row, ways

    with ways() as to:
        PAGE.write_text(page({kind.title: row(kind, to) for kind in KINDS}), "utf-8")
