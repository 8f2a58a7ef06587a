"""The Celery app of the soak's project, as docs/operate.md tells a project to make it; its sweep comes sooner, because
a soak has minutes where an installation has days."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soak.settings")

SWEEP_SECONDS = 5.0

app = Celery("soak")
app.config_from_object(
    {
        "broker_url": os.environ["SOAK_BROKER"],
        "broker_connection_retry_on_startup": True,
        "worker_hijack_root_logger": False,
        "task_ignore_result": True,
        "beat_schedule": {"mailadmin": {"task": "mailadmin.sweep", "schedule": SWEEP_SECONDS}},
    }
)
app.autodiscover_tasks()
