"""What every test of the transports has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailadmin.transports.smtp.pool import POOL


@pytest.fixture(autouse=True)
def an_empty_pool() -> Iterator[None]:
    """No session is left over from another test."""
    POOL.clear()
    yield
    POOL.clear()
