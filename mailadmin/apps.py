"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import translation

from .core import texts
from .language import carried
from .transports import shared


class MailadminConfig(AppConfig):
    """Registers checks, signals and the roles, and what the processes share."""

    name = "mailadmin"
    verbose_name = "Mail administration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what waits for Django's signals."""
        from . import checks  # noqa: F401 -- registers itself
        from .delivery.guard import name_database
        from .delivery.outbox.publish import remember_celery
        from .delivery.shared.installation import Installation
        from .delivery.trigrams import install
        from .roles import grant_roles
        from .watch import alerts, done

        texts.install(translation.gettext, translation.ngettext, carried)
        shared.install(Installation)
        remember_celery()
        alerts.connect()
        done.connect()
        post_migrate.connect(grant_roles, sender=self, dispatch_uid="mailadmin.roles")
        post_migrate.connect(install, sender=self, dispatch_uid="mailadmin.trigrams")
        post_migrate.connect(name_database, sender=self, dispatch_uid="mailadmin.environment")
