"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class MailadminConfig(AppConfig):
    """Registers checks, signals and the roles."""

    name = "mailadmin"
    verbose_name = "Mail administration"
    default_auto_field = "django.db.models.BigAutoField"
