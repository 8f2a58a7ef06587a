"""One running sandbox for the tests of a module, with an inbox of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailadmin.sandbox.server import Sandbox
from mailadmin.transports import shared
from mailadmin.transports.entra import tokens
from tests.fakes.sandbox import Memory, running_sandbox


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[tuple[Sandbox, Memory]]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def box(one_sandbox: tuple[Sandbox, Memory]) -> Sandbox:
    return one_sandbox[0]


@pytest.fixture
def memory(one_sandbox: tuple[Sandbox, Memory]) -> Iterator[Memory]:
    memory = one_sandbox[1]
    memory.kept.clear()
    # What one test was given, refused or told to wait for is not for the next one.
    shared.install(shared.Process)
    tokens._forget_everything()
    yield memory
    memory.smtp_fault = memory.graph_fault = ""
