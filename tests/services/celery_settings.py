"""Settings of a project whose queued mail is sent by Celery."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 -- a settings module extends another one this way

MAILADMIN = MAILADMIN | {"QUEUE_WAKE": "celery"}  # noqa: F405 -- from the settings that this module extends
