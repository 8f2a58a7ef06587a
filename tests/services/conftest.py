"""Services that tests start for themselves; skipped with the reason where they are not installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.exim import EXIM, Exim, running_exim
from tests.services.processes import require
from tests.services.smtp_sink import Sink, running_sink


@pytest.fixture(scope="session")
def exim() -> Iterator[Exim]:
    require(str(EXIM), root=True, library="libnss_wrapper.so")
    with running_exim() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[Sink]:
    require("smtp-sink")
    with running_sink(keep=True) as server:
        yield server
