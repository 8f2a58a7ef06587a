"""The project of the log's pages: the standalone console, with the stock changelist beside it."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("MAILADMIN_DATA_DIR", tempfile.mkdtemp(prefix="mailadmin-bench-"))

from config.settings import *  # noqa: F403 -- a settings module extends another one this way

INSTALLED_APPS = [*INSTALLED_APPS, "bench.stock"]  # noqa: F405 -- likewise
MIGRATION_MODULES = {"stock": None}
ALLOWED_HOSTS = ["*"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 -- whitenoise warns of a folder that is missing
