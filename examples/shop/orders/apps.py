"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Listens to what becomes of the shop's mail."""

    name = "orders"

    def ready(self) -> None:
        """Connect the receivers."""
        from . import receivers  # noqa: F401 -- connects itself
