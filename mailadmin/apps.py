"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MailadminConfig(AppConfig):
    """Registers checks, signals and the roles."""

    name = "mailadmin"
    verbose_name = "Mail administration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what waits for Django's signals."""
        from . import checks  # noqa: F401 -- registers itself
        from .roles import grant_roles

        post_migrate.connect(grant_roles, sender=self, dispatch_uid="mailadmin.roles")
