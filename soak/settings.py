"""The Django project of a soak: a host project on PostgreSQL whose mail is queued. Values come from the environment
that soak/house.py makes, so that every process has the same."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import django

SECRET_KEY = "only for the soak"  # noqa: S105 -- nothing is protected by it
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mailadmin"]
_database = urlsplit(os.environ["SOAK_DATABASE"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MAILADMIN = {
    "KEYS": [os.environ["SOAK_KEY"]],
    "DELIVERY": "queued",
    "QUEUE_WAKE": os.environ["SOAK_WAKE"],
}
BROKER_URL = os.environ["SOAK_BROKER"]

if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "mailadmin.backends.EmailBackend"}}
else:
    EMAIL_BACKEND = "mailadmin.backends.EmailBackend"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {process} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"mailadmin": {"handlers": ["console"], "level": "WARNING"}},
}
