"""The language of what is written down. The log, alerts and the audit trail are read by many, at another time; so they
are written in the site's language (settings.LANGUAGE_CODE), not in that of the visitor whose request sent the mail."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.utils import translation

Given = ParamSpec("Given")
Result = TypeVar("Result")


def site_language() -> translation.override:
    """Return a context in which texts are in the site's language; afterwards they are in that of before."""
    return translation.override(settings.LANGUAGE_CODE)


def carried(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let `work`, done by another thread, speak the language that is spoken here now."""
    language = translation.get_language()

    @wraps(work)
    def spoken(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        with translation.override(language):
            return work(*args, **kwargs)

    return spoken


def in_site_language(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let `function` write in the site's language, whoever calls it."""

    @wraps(function)
    def written(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        with site_language():
            return function(*args, **kwargs)

    return written
