"""Each test has a key of its own, secrets outside the database, and a folder for its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailadmin.core.keyring import new_key
from mailadmin.settings_file.apply import Choices, Who, apply, plan_of
from mailadmin.settings_file.document import Document, parse
from mailadmin.settings_file.plan import Plan

WHO = Who("mailadmin_apply mail.toml", "By somebody, in the shell.")
SECRET = "canary-outside-6621"


@pytest.fixture(autouse=True)
def _outside(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text(new_key())
    folder = tmp_path / "secrets"
    folder.mkdir()
    refs = ["env:MAILADMIN_SECRET_*", f"file:{folder}/"]
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": tmp_path / "keys", "SECRET_REFS": refs}
    monkeypatch.delenv("MAILADMIN_KEYS", raising=False)
    monkeypatch.setenv("MAILADMIN_SECRET_RELAY", SECRET)
    monkeypatch.setenv("MAILADMIN_SECRET_HOOK", "https://hooks.example.org/canary-path-88")
    monkeypatch.setenv("MAILADMIN_SECRET_SIGNING", "canary-signing-secret-0123456789")


@pytest.fixture
def document(tmp_path: Path) -> Callable[[str], Document]:
    """Read a text as the file mail.toml."""
    return lambda text: parse(text, "mail.toml", tmp_path)


@pytest.fixture
def plan(db: None, document: Callable[[str], Document]) -> Callable[..., Plan]:
    """Plan a text."""
    return lambda text, **choices: plan_of(document(text), Choices(**choices))


@pytest.fixture
def applied(db: None, document: Callable[[str], Document]) -> Callable[..., Plan]:
    """Apply a text."""
    return lambda text, **choices: apply(document(text), Choices(**choices), WHO)
