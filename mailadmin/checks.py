"""Django's system checks: what is set up wrongly in this deployment, said before the first message.

No check reads the database or opens a socket. The ids are stable, so that `SILENCED_SYSTEM_CHECKS` can name them.

| id | what |
|---|---|
| E001 | no encryption key, or a key or key file that cannot be used |
| E002 | `MAILADMIN` has entries that do not exist, or of the wrong type |
| E003-E008 | an app that the console needs is missing from `INSTALLED_APPS` |
| E009 | there is no Django template engine that finds templates inside apps |
| E010 | the key file lies in a folder that the web server gives out |
| E011-E013 | a context processor that the console's templates need is missing |
| E014-E016 | a middleware that the console needs is missing |
| E020 | `MAILADMIN["QUEUE_WAKE"]` names a task queue that is not there |
| W001 | everybody on the server may read or change the key file |
| W002 | no mailer of this project sends through mailadmin |
| W003 | the generation file cannot be written, so that a copied or restored database is not noticed by its age |
| W010 | (`check --deploy`) the sandbox is allowed on a production site |
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core import checks, mail
from django.core.checks import CheckMessage, register
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from . import conf

TAG = "mailadmin"
BACKEND = "mailadmin.backends.EmailBackend"

_HAS_MAILERS = django.VERSION >= (6, 1)
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

_TASK_QUEUES = {  # what must be there, and how it gets there
    "celery": ("celery", 'Install it with "pip install mailadmin[celery]", or remove the entry.'),
    "tasks": ("django.tasks", "It comes with Django 6.0. Update Django, or remove the entry."),
}


@register(TAG)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Look at `MAILADMIN` itself, and, when it can be read, at the encryption key."""
    try:
        conf.network_policy()
        conf.environment()
        conf.delivery()
        conf.metrics_token()
    except conf.ConfigurationError as error:
        return [_error("E002", str(error), "Correct the entry in the settings of this project.")]
    except (TypeError, ValueError):
        return [
            _error(
                "E002",
                "MAILADMIN, or its entry NETWORK, has a value of the wrong type.",
                'Both are dictionaries, and MAILADMIN["NETWORK"]["PORTS"] is a list of numbers.',
            )
        ]
    return [*_key_ring(), *_key_file(), *_generation_file()]


@register(TAG)
def check_console(**kwargs: Any) -> list[CheckMessage]:
    """Look for the apps, context processors and middleware that the console's pages need, where the project's
    addresses include the console (a worker that only sends needs none of them)."""
    if not _console_is_mounted():
        return []
    return [*_missing_apps(), *_missing_processors(), *_missing_middleware()]


@register(TAG)
def check_backend(**kwargs: Any) -> list[CheckMessage]:
    """Tell when none of the project's mailers sends through mailadmin."""
    if hasattr(mail, "outbox") or any(_is_ours(path) for path in _mail_backends()):
        return []  # Django's test runner puts its own outbox in the place of every backend
    return [
        checks.Warning(
            "No mail of this project is sent through mailadmin: no mailer uses its backend.",
            hint=f'Set EMAIL_BACKEND = "{BACKEND}" (Django 5.2 and 6.0), or MAILERS = {{"default": {{"BACKEND": '
            f'"{BACKEND}"}}}} (Django 6.1).',
            id=f"{TAG}.W002",
        )
    ]


@register(TAG)
def check_waking(**kwargs: Any) -> list[CheckMessage]:
    """Tell when those who are to be told of queued messages cannot be."""
    try:
        way = conf.setting("QUEUE_WAKE")
    except (conf.ConfigurationError, TypeError):
        return []  # E002 says so
    if way == "":
        return []
    if way not in _TASK_QUEUES:
        text = 'MAILADMIN["QUEUE_WAKE"] must be "" (our own workers look by themselves), "celery" or "tasks".'
        return [_error("E020", text, "Correct the entry in the settings of this project.")]
    module, remedy = _TASK_QUEUES[way]
    if find_spec(module):
        return []
    return [_error("E020", f'MAILADMIN["QUEUE_WAKE"] is "{way}", and {module} is not installed.', remedy)]


@register(TAG, deploy=True)
def check_sandbox(**kwargs: Any) -> list[CheckMessage]:
    """Tell when the sandbox is allowed on what looks like a production site."""
    try:
        if settings.DEBUG or not conf.setting("SANDBOX"):
            return []
    except (conf.ConfigurationError, TypeError):
        return []  # E002 says so
    return [
        checks.Warning(
            "The sandbox is allowed on this site: mail that goes through it reaches nobody.",
            hint='Remove MAILADMIN["SANDBOX"], unless this installation is only for trying things out.',
            id=f"{TAG}.W010",
        )
    ]


def _console_is_mounted() -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False
    try:
        reverse(f"{TAG}:dashboard")
    except NoReverseMatch:
        return False
    return True


def _key_ring() -> Iterator[CheckMessage]:
    try:
        conf.key_ring()
    except conf.ConfigurationError as error:
        yield _error(
            "E001",
            str(error),
            "Without its key mailadmin can neither store passwords and client secrets nor read the stored ones.",
        )


def _key_file() -> Iterator[CheckMessage]:
    if not (given := conf.setting("KEY_FILE")):
        return
    path = Path(given).resolve()
    for folder, name in _public_folders():
        if path.is_relative_to(folder):
            yield _error(
                "E010",
                f"The key file {path} lies in {name}, from where the web server gives files out.",
                "Move it to a folder outside the web server's reach, and make a new key: this one may be known.",
            )
            break
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # E001 says so
    # The group is left alone: a file of root's that the web server's group may read is a usual way.
    if os.name == "posix" and mode & stat.S_IRWXO:
        yield checks.Warning(
            f"Everybody on this server may read or change the key file {path}.",
            hint=f"Run: chmod o= {path}",
            id=f"{TAG}.W001",
        )


def _generation_file() -> Iterator[CheckMessage]:
    path = conf.generation_file()
    if path is None or os.access(path.parent, os.W_OK | os.X_OK):
        return
    if not conf.setting("GENERATION_FILE") and not path.parent.exists():
        return  # E001 says that the key file is missing
    yield checks.Warning(
        f"This process cannot write into {path.parent}, where the age of the database is counted along.",
        hint='Name another file in MAILADMIN["GENERATION_FILE"], or None where the name of the environment, '
        'MAILADMIN["ENVIRONMENT"], is enough to notice that the database was copied.',
        id=f"{TAG}.W003",
    )


def _public_folders() -> Iterator[tuple[Path, str]]:
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        if folder := getattr(settings, name, None):
            yield Path(folder).resolve(), name
    for entry in getattr(settings, "STATICFILES_DIRS", ()):
        yield Path(entry[1] if isinstance(entry, (list, tuple)) else entry).resolve(), "STATICFILES_DIRS"


def _missing_apps() -> Iterator[CheckMessage]:
    for number, name in _APPS.items():
        if not apps.is_installed(name):
            yield _error(number, f"The console needs the app {name}.", f'Add "{name}" to INSTALLED_APPS.')


def _missing_processors() -> Iterator[CheckMessage]:
    # The first engine that finds templates inside apps is the one that renders ours.
    ours = (engine for engine in engines.all() if isinstance(engine, DjangoTemplates) and _finds_app_templates(engine))
    engine = next(ours, None)
    if engine is None:
        yield _error(
            "E009",
            "No Django template engine finds the templates of the console.",
            'Set "APP_DIRS": True in the entry of TEMPLATES for django.template.backends.django.DjangoTemplates.',
        )
        return
    for number, name in _PROCESSORS.items():
        if name not in engine.engine.context_processors:
            yield _error(
                number,
                f"The console's templates need the context processor {name}.",
                f'Add "{name}" to OPTIONS["context_processors"] in TEMPLATES.',
            )


def _finds_app_templates(engine: DjangoTemplates) -> bool:
    return engine.engine.app_dirs or "app_directories" in repr(engine.engine.loaders)


def _missing_middleware() -> Iterator[CheckMessage]:
    active = [found for path in settings.MIDDLEWARE if (found := _imported(path))]
    for number, name in _MIDDLEWARE.items():
        if not any(_is_kind_of(found, import_string(name)) for found in active):
            yield _error(number, f"The console needs the middleware {name}.", f'Add "{name}" to MIDDLEWARE.')


def _mail_backends() -> Iterable[str]:
    """Return the paths of the backends that this project sends with."""
    mailers = getattr(settings, "MAILERS", None)
    if mailers and _HAS_MAILERS:  # EMAIL_BACKEND cannot even be read then; an older Django does not look at MAILERS
        return [mailer.get("BACKEND", "") for mailer in mailers.values()]
    return [getattr(settings, "EMAIL_BACKEND", "")]


def _is_ours(path: str) -> bool:
    return path == BACKEND or _is_kind_of(_imported(path), import_string(BACKEND))


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None  # Django itself says what cannot be imported


def _is_kind_of(found: Any, wanted: type) -> bool:
    return isinstance(found, type) and issubclass(found, wanted)


def _error(number: str, text: str, hint: str) -> CheckMessage:
    return checks.Error(text, hint=hint, id=f"{TAG}.{number}")
