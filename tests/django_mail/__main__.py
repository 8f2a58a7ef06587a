"""Fetch Django's tests and run them; the exit code tells how it went."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent.parent


def fetch(version: str) -> Path:
    """Return the folder `tests` of Django's source distribution, fetched when it is not there yet."""
    cache = ROOT / ".cache" / "django"
    tests = cache / f"django-{version}" / "tests"
    if not tests.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", str(cache), f"django=={version}"], check=True)
        with tarfile.open(cache / f"django-{version}.tar.gz") as archive:
            wanted = [m for m in archive.getmembers() if f"django-{version}/tests/mail" in m.name]
            archive.extractall(cache, wanted, filter="data")
    return tests


def main() -> int:
    """Run the suite; return the number of failures."""
    sys.path.insert(0, str(fetch(django.get_version())))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_mail.settings"
    django.setup()
    from django.test.runner import DiscoverRunner

    return int(DiscoverRunner(verbosity=1, interactive=False).run_tests(["tests.django_mail.suite"]))


if __name__ == "__main__":
    sys.exit(main() and 1)
