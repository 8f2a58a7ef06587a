"""Each test of a seed has settings of its own."""

from __future__ import annotations

from tests.delivery.conftest import fresh_settings, peers, running_sandbox

__all__ = ["fresh_settings", "peers", "running_sandbox"]  # fixtures
