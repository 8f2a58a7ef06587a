"""The project's mailers: whether one of them is ours, who is woken, and who serves in need."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.core import checks, mail
from django.core.checks import CheckMessage, register

from mailadmin import conf

from .common import BACKEND, TAG, an_error, imported, is_ours, mail_backends

_TASK_QUEUES = {  # what must be there, and how it gets there
    "celery": ("celery", 'Install it with "pip install mailadmin[celery]", or remove the entry.'),
    "tasks": ("django.tasks", "It comes with Django 6.0. Update Django, or remove the entry."),
}


@register(TAG)
def check_backend(**kwargs: Any) -> list[CheckMessage]:
    """Tell when none of the project's mailers sends through mailadmin."""
    if hasattr(mail, "outbox") or any(is_ours(path) for path in mail_backends()):
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
        return [an_error("E020", text, "Correct the entry in the settings of this project.")]
    module, remedy = _TASK_QUEUES[way]
    if find_spec(module):
        return []
    return [an_error("E020", f'MAILADMIN["QUEUE_WAKE"] is "{way}", and {module} is not installed.', remedy)]


@register(TAG)
def check_last_resort(**kwargs: Any) -> list[CheckMessage]:
    """Tell when the mailer that is to serve in need is not there, or is mailadmin's own."""
    try:
        wanted = {resort for resort in (conf.setting("LAST_RESORT"), *resorts_of_mailers()) if resort}
    except (conf.ConfigurationError, TypeError):
        return []  # E002 says so
    if hasattr(mail, "outbox"):
        return []  # Django's test runner puts its own outbox in the place of every backend
    return [
        an_error(
            "E021",
            f"The last resort {resort!r} {problem}",
            "Name another entry of MAILERS (Django 6.1), or the path of another backend before it.",
        )
        for resort in sorted(map(str, wanted))
        if (problem := _useless(resort))
    ]


def resorts_of_mailers() -> Iterator[Any]:
    """Yield the last resort of each mailer of ours, as the settings name it."""
    for mailer in (conf.mailers() or {}).values():
        if is_ours(mailer.get("BACKEND", "")):
            yield mailer.get("OPTIONS", {}).get("last_resort")


def _useless(resort: str) -> str:
    """Say what is wrong with a last resort, "" when it can serve."""
    path = resort
    mailers = conf.mailers()
    if mailers is not None:
        if resort not in mailers:
            return "is no entry of MAILERS."
        path = mailers[resort].get("BACKEND", "")
    elif imported(resort) is None:
        return "cannot be imported."
    return "is mailadmin itself." if path and is_ours(path) else ""
