"""Settings for Django's mail tests: like those of Django's own test runner, plus our app."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mailadmin.core.keyring import new_key

_FOLDER = Path(tempfile.mkdtemp(prefix="mailadmin-django-"))

SECRET_KEY = "tests"
USE_TZ = True
INSTALLED_APPS = ["mailadmin", "django.contrib.auth", "django.contrib.contenttypes"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        # A file, as messages may be sent from a helper thread with a connection of its own.
        "TEST": {"NAME": str(_FOLDER / "test.sqlite3")},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MAILADMIN = {"KEYS": [new_key()]}
