"""What the pages of the console need of the project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, register
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .common import TAG, an_error, imported, is_kind_of

_APPS = {
    "E003": "lucide",
    "E004": "django_htmx",
    "E005": "django.contrib.sessions",
    "E006": "django.contrib.messages",
    "E007": "django.contrib.auth",
    "E008": "django.contrib.staticfiles",
}
_PROCESSORS = {
    "E011": "django.template.context_processors.request",
    "E012": "django.contrib.auth.context_processors.auth",
    "E013": "django.contrib.messages.context_processors.messages",
}
_MIDDLEWARE = {
    "E014": "django.contrib.sessions.middleware.SessionMiddleware",
    "E015": "django.contrib.auth.middleware.AuthenticationMiddleware",
    "E016": "django.contrib.messages.middleware.MessageMiddleware",
}


@register(TAG)
def check_console(**kwargs: Any) -> list[CheckMessage]:
    """Look for the apps, context processors and middleware that the console's pages need, where the project's
    addresses include the console (a worker that only sends needs none of them)."""
    if not _console_is_mounted():
        return []
    return [*_missing_apps(), *_missing_processors(), *_missing_middleware()]


def _console_is_mounted() -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False
    try:
        reverse(f"{TAG}:dashboard")
    except NoReverseMatch:
        return False
    return True


def _missing_apps() -> Iterator[CheckMessage]:
    for number, name in _APPS.items():
        if not apps.is_installed(name):
            yield an_error(number, f"The console needs the app {name}.", f'Add "{name}" to INSTALLED_APPS.')


def _missing_processors() -> Iterator[CheckMessage]:
    # The first engine that finds templates inside apps is the one that renders ours.
    ours = (engine for engine in engines.all() if isinstance(engine, DjangoTemplates) and _finds_app_templates(engine))
    engine = next(ours, None)
    if engine is None:
        yield an_error(
            "E009",
            "No Django template engine finds the templates of the console.",
            'Set "APP_DIRS": True in the entry of TEMPLATES for django.template.backends.django.DjangoTemplates.',
        )
        return
    for number, name in _PROCESSORS.items():
        if name not in engine.engine.context_processors:
            yield an_error(
                number,
                f"The console's templates need the context processor {name}.",
                f'Add "{name}" to OPTIONS["context_processors"] in TEMPLATES.',
            )


def _finds_app_templates(engine: DjangoTemplates) -> bool:
    return engine.engine.app_dirs or "app_directories" in repr(engine.engine.loaders)


def _missing_middleware() -> Iterator[CheckMessage]:
    active = [found for path in settings.MIDDLEWARE if (found := imported(path))]
    for number, name in _MIDDLEWARE.items():
        if not any(is_kind_of(found, import_string(name)) for found in active):
            yield an_error(number, f"The console needs the middleware {name}.", f'Add "{name}" to MIDDLEWARE.')
