"""Services that tests start for themselves; skipped with the reason where they are not installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.postfix import Postfix, running_postfix
from tests.services.processes import require


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    require("postfix", "postconf", "dovecot", root=True)
    with running_postfix() as server:
        yield server
