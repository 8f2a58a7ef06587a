"""Each test of the models has a key of its own and nothing remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailadmin.core.keyring import new_key
from mailadmin.delivery import routes


@pytest.fixture(autouse=True)
def key_path(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MAILADMIN_KEYS", raising=False)
    path = tmp_path / "keys"
    path.write_text(new_key() + "\n")
    settings.MAILADMIN = {"KEY_FILE": path, "SECRET_REFS": ["env:MAILADMIN_SECRET_*", f"file:{tmp_path}/secrets/"]}
    (tmp_path / "secrets").mkdir()
    return path


@pytest.fixture(autouse=True)
def fresh_snapshot() -> Iterator[None]:
    routes.forget()
    yield
    routes.forget()
