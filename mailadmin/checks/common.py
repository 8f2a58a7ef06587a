"""What several checks need: the ids, and the project's mailers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from mailadmin import conf

TAG = "mailadmin"
BACKEND = "mailadmin.backends.EmailBackend"


def an_error(number: str, text: str, hint: str) -> CheckMessage:
    """Return the error with the id `mailadmin.<number>`."""
    return checks.Error(text, hint=hint, id=f"{TAG}.{number}")


def mail_backends() -> Iterable[str]:
    """Return the paths of the backends that this project sends with."""
    mailers = conf.mailers()
    if mailers is not None:
        return [mailer.get("BACKEND", "") for mailer in mailers.values()]
    return [getattr(settings, "EMAIL_BACKEND", "")]


def is_ours(path: str) -> bool:
    """Tell whether `path` is our backend, or one made from it."""
    return path == BACKEND or is_kind_of(imported(path), import_string(BACKEND))


def imported(path: str) -> Any:
    """Return what `path` names, None when there is no such thing."""
    try:
        return import_string(path)
    except ImportError:
        return None  # Django itself says what cannot be imported


def is_kind_of(found: Any, wanted: type) -> bool:
    """Tell whether `found` is the class `wanted`, or one made from it."""
    return isinstance(found, type) and issubclass(found, wanted)


def a_warning(number: str, text: str, hint: str) -> CheckMessage:
    """Return the warning with the id `mailadmin.<number>`."""
    return checks.Warning(text, hint=hint, id=f"{TAG}.{number}")
