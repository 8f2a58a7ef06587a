"""The language of what is written down. The log, alerts and the audit trail are read by many, at another time; so they
are written in the site's language (settings.LANGUAGE_CODE), not in that of the visitor whose request sent the mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from django.conf import settings
from django.utils import translation

Given = ParamSpec("Given")
Result = TypeVar("Result")

_NOBODY: Final = ""  # no language is called so; None is what Django calls texts without any translation
_caller: ContextVar[str | None] = ContextVar("mailadmin_callers_language", default=_NOBODY)


def site_language() -> AbstractContextManager[None]:
    """Return a context in which texts are in the site's language; afterwards they are in that of before."""
    now = translation.get_language()
    if now == settings.LANGUAGE_CODE and _caller.get() == _NOBODY:
        return nullcontext()  # the usual case, which costs a message nothing
    return _switched(now)


def callers_language() -> AbstractContextManager[None]:
    """Return a context, within that of `site_language`, in which texts are in the language of before: for what a
    message says, whose subject may be a text that is looked up only when the message is built."""
    caller = _caller.get()
    return nullcontext() if caller == _NOBODY else translation.override(caller)


def carried(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let `work`, done by another thread, speak the language that is spoken here now (see `core.texts.carried`)."""
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


@contextmanager
def _switched(caller: str | None) -> Iterator[None]:
    before = _caller.set(caller)
    try:
        with translation.override(settings.LANGUAGE_CODE):
            yield
    finally:
        _caller.reset(before)
