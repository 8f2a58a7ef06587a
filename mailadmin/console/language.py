"""The language of the pages, chosen beside the theme, of those in which there are texts.

Django's own cookie keeps the choice, and LocaleMiddleware reads it; in a project without that middleware every page is
in the project's language, and there is nothing to choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils import translation
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from .access import needs

SOURCE = "en"  # the language of the code, which needs no catalogue
_LOCALE = Path(__file__).resolve().parent.parent / "locale"

# POST `language` (a code of the project) and `next` (the page to come back to).
language = require_POST(needs()(set_language))


@dataclass(frozen=True)
class Choice:
    """One language: the project's code for it, its name in itself, and whether the page is in it."""

    code: str
    name: str
    chosen: bool


def choices() -> list[Choice]:
    """Return the languages to choose from, [] where there is no choice."""
    if not (settings.USE_I18N and _follows_the_visitor()):
        return []
    now = bare(translation.get_language() or SOURCE)
    offered = [
        Choice(code, str(translation.get_language_info(ours)["name_local"]), ours == now)
        for ours in languages()
        if (code := _code_of(ours))
    ]
    return offered if len(offered) > 1 else []


@cache
def languages() -> tuple[str, ...]:
    """Return the languages in which there are texts ("en", "de", "pt-br"), English first."""
    folders = sorted(path.name for path in _LOCALE.iterdir() if path.is_dir())
    return (SOURCE, *(translation.to_language(name) for name in folders))


def _follows_the_visitor() -> bool:
    return any(path.rpartition(".")[2] == "LocaleMiddleware" for path in settings.MIDDLEWARE)


def _code_of(language: str) -> str:
    """Return the project's code for a language ("en-gb" for "en", say), "" when the project does not have it."""
    try:
        return translation.get_supported_language_variant(language)
    except LookupError:
        return ""


def bare(code: str) -> str:
    """Return which of our languages serves `code`: "de" for "de-at"."""
    return code if code in languages() else code.partition("-")[0]
