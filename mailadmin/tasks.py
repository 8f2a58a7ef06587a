"""Celery drives the outbox: `pip install mailadmin[celery]`, `MAILADMIN["QUEUE_WAKE"] = "celery"`, and a schedule for
the sweep (docs/queue.md). The project's Celery app finds these tasks by `autodiscover_tasks()`.

Celery only wakes and spreads the work; the database is the truth. A task that is lost, or done twice, loses and doubles
nothing: only a claim decides who sends, and the sweep names again what is due. So a message may be told to Celery when
its worker begins or ends, and a broker may lose everything it has.
"""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from mailadmin.core import limits
from mailadmin.delivery.outbox import publish, sweep
from mailadmin.delivery.outbox.one import deliver_one
from mailadmin.delivery.outbox.roster import celery_of_this_host, own_name
from mailadmin.watch import schedule


# Acknowledged when it is done: what a dying process had not claimed yet goes to another one at once. Where it had, the
# claim is still in force, and the sweep names the message again.
@shared_task(name=publish.DELIVER, acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]  # no types
def deliver(delivery_id: str) -> None:
    """Send one queued message if it is free and due. Raises what the database raises: the sweep names it again."""
    deliver_one(UUID(delivery_id), own_name())


@shared_task(name=publish.SWEEP, ignore_result=True)  # type: ignore[untyped-decorator]  # no types
def sweep_outbox() -> None:
    """Name everything that is due to Celery again, at most limits.SWEEP_ROWS messages, and do what is to be done now
    and then. Raises what the database and the broker raise: the next sweep is near."""
    celery_of_this_host().beat(0)
    for delivery_id in sweep.due(limits.SWEEP_ROWS):
        deliver.delay(str(delivery_id))
    sweep.sweep()
    # A task of its own, which may take a minute; one that nobody took before the next look is of no use.
    watch.apply_async(expires=limits.PROBE_LOOK_SECONDS)


@shared_task(name=publish.WATCH, ignore_result=True)  # type: ignore[untyped-decorator]  # no types
def watch() -> None:
    """Test the connections that are due for it, and send alerts, unless another process has done so within the
    minute. Never raises."""
    schedule.tick()
