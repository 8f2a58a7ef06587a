"""Settings of the tests: the console's own, on a throw-away folder, with cheap password hashes."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("MAILADMIN_DATA_DIR", tempfile.mkdtemp(prefix="mailadmin-tests-"))
os.environ.setdefault("MAILADMIN_SANDBOX", "true")

from config.settings import *  # noqa: F403 -- a settings module extends another one this way

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 -- whitenoise warns of a folder that is missing

# SQLite in a file, not in memory: threads have connections of their own, as in production.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405 -- from the settings that this module extends
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA_DIR}/test.sqlite3"}  # noqa: F405 -- likewise
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405 -- likewise; a kept connection would hold the test database
if DATABASES["default"]["ENGINE"].endswith("mysql"):  # noqa: F405 -- likewise
    import pymysql

    # The driver in plain Python serves as well as the one that Django asks for, and needs no compiler.
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
