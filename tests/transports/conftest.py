"""What every test of the transports has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailadmin.transports import shared
from mailadmin.transports.graph.pool import POOL as HTTP_POOL
from mailadmin.transports.smtp.pool import POOL


@pytest.fixture(autouse=True)
def an_empty_pool() -> Iterator[None]:
    """No session is left over from another test."""
    POOL.clear()
    HTTP_POOL.clear()
    yield
    POOL.clear()
    HTTP_POOL.clear()


@pytest.fixture(autouse=True)
def nothing_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, place, turn or pause is left over from another test."""
    monkeypatch.setattr(shared, "_makers", [shared.Process])
    monkeypatch.setattr(shared, "_installed", shared.Process())
