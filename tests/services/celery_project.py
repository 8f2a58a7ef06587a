"""The Celery app of a project, as docs/operate.md tells a project to make it; its sweep comes sooner, because a test
does not wait."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.services.celery_settings")

app = Celery("project")
app.conf.update(
    broker_url=os.environ["TESTS_BROKER"],
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    task_ignore_result=True,
    beat_schedule={"mailadmin": {"task": "mailadmin.sweep", "schedule": 1.0, "options": {"expires": 5}}},
)
app.autodiscover_tasks()
