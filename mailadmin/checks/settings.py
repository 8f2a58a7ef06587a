"""`MAILADMIN` itself, the encryption key, and the files beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from mailadmin import conf

from .common import TAG, an_error


@register(TAG)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Look at `MAILADMIN` itself, and, when it can be read, at the encryption key."""
    try:
        conf.network_policy()
        conf.environment()
        conf.delivery()
        conf.metrics_token()
    except conf.ConfigurationError as error:
        return [an_error("E002", str(error), "Correct the entry in the settings of this project.")]
    except (TypeError, ValueError):
        return [
            an_error(
                "E002",
                "MAILADMIN, or its entry NETWORK, has a value of the wrong type.",
                'Both are dictionaries, and MAILADMIN["NETWORK"]["PORTS"] is a list of numbers.',
            )
        ]
    return [*_key_ring(), *_key_file(), *_generation_file()]


def _key_ring() -> Iterator[CheckMessage]:
    try:
        conf.key_ring()
    except conf.ConfigurationError as error:
        yield an_error(
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
            yield an_error(
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
