"""Peers of the delivery, for what watches it."""

from __future__ import annotations

from tests.delivery.conftest import fresh_settings, peers, running_sandbox

__all__ = ["fresh_settings", "peers", "running_sandbox"]  # fixtures
