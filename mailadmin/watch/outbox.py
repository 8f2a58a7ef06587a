"""The outbox at a glance: how much waits and why, since when, who works on it, and in one sentence whether something is
stuck. Nothing here grows with the number of messages: what is counted is counted up to a bound, by an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.outcome import Priority
from mailadmin.core.preferences import Preferences
from mailadmin.core.texts import _, ngettext
from mailadmin.models import OutboxEntry, Settings, Worker
from mailadmin.models.clock import ServerNow

from .waiting import Shelf, Surroundings, Why, in_case, lasting

START_WORKER = "python manage.py mailworker"
_READY = (Why.DUE, Why.LOST, Why.CLAIMED, Why.AGAIN, Why.ONCE_MORE, Why.NO_ROUTE, Why.SCHEDULED)


@dataclass(frozen=True)
class Counted:
    """A number of messages; `more` when there are more than were counted."""

    number: int = 0
    more: bool = False

    def __str__(self) -> str:
        return _("more than {number:,}").format(number=limits.OUTBOX_COUNTED) if self.more else f"{self.number:,}"

    def __bool__(self) -> bool:
        return self.number > 0

    def told(self, sentence: Callable[[int], str]) -> str:
        """Return the sentence for this number (as of ngettext), with its {number} and a capital letter."""
        text = sentence(self.number + self.more).format(number=self)
        return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Overview:
    """The outbox at a glance. `counts` has every reason; `oldest` is when the message that is due for longest came
    due, `next_at` when the next one will be; `workers` are those that beat, `lost` those that do not any more."""

    now: datetime
    counts: Mapping[Why, Counted]
    oldest: datetime | None = None
    next_at: datetime | None = None
    workers: Sequence[Worker] = ()
    lost: Sequence[Worker] = ()
    held: str = ""  # why nothing may leave, in a sentence

    @property
    def waiting(self) -> Counted:
        """Return how many messages wait for a worker or for their time, without those that wait for a person."""
        counts = [count for reason, count in self.counts.items() if not reason.needs_decision]
        number, more = sum(count.number for count in counts), any(count.more for count in counts)
        return Counted(min(number, limits.OUTBOX_COUNTED), more or number > limits.OUTBOX_COUNTED)

    @property
    def undecided(self) -> Counted:
        """Return how many messages wait for a person."""
        return Counted(sum(count.number for reason, count in self.counts.items() if reason.needs_decision))

    @property
    def due_for(self) -> float:
        """Return for how many seconds the oldest due message has been due; 0 when none is."""
        return max(0.0, (self.now - self.oldest).total_seconds()) if self.oldest else 0.0

    @property
    def late(self) -> bool:
        """Tell whether something is wrong: messages are due for long, and nobody takes them."""
        return not self.held and self.due_for > limits.OUTBOX_LATE_SECONDS

    @property
    def around(self) -> Surroundings:
        """Return what decides about every message."""
        return Surroundings(self.now, self.held, bool(self.workers))

    @property
    def reasons(self) -> list[tuple[Why, Counted]]:
        """Return the reasons that there are, with their numbers."""
        return [(reason, count) for reason, count in self.counts.items() if count]


def server_now() -> datetime:
    """Return the time of the database server, by which workers go."""
    found = Settings.objects.filter(pk=1).values_list(ServerNow(), flat=True).first()
    return found or timezone.now()


def overview(preferences: Preferences) -> Overview:
    """Return the outbox at a glance: six statements, each bounded."""
    now = server_now()
    ready = OutboxEntry.objects.order_by().filter(shelf=Shelf.READY, priority__in=[int(one) for one in Priority])
    past, future = ready.filter(due_at__lte=now), ready.filter(due_at__gt=now)
    first = past.aggregate(oldest=Min("due_at"))["oldest"]
    following = future.filter(claim__isnull=True).aggregate(next=Min("due_at"))["next"] if first is None else None
    lost_before = now - timedelta(seconds=limits.WORKER_LOST_SECONDS)
    workers = list(Worker.objects.all())
    return Overview(
        now=now,
        counts=_counts(past, now) | _counts(future, now) | _shelved(),
        oldest=first,
        next_at=following,
        workers=[worker for worker in workers if worker.beat_at >= lost_before],
        lost=[worker for worker in workers if worker.beat_at < lost_before],
        held=held_because(preferences),
    )


def held_because(preferences: Preferences) -> str:
    """Say why no mail may leave at all, or return ""."""
    return preferences.objection or (_("All mail is held by the settings.") if preferences.held else "")


def verdict(found: Overview) -> tuple[str, str]:
    """Return the tone ("success", "info", "warning", "error") and the sentence that say whether something is stuck."""
    if not found.waiting:
        rest = f" {_workers(found)}." if found.workers else ""
        if found.undecided:
            return "warning", found.undecided.told(_need) + rest
        return "success", _("Nothing waits.") + rest
    wait = found.waiting.told(_wait)
    if found.held:
        return "warning", _("{messages_wait}: {reason}").format(messages_wait=wait, reason=found.held)
    tone, text = _why_waiting(found)
    said = text.format(messages_wait=wait, time=lasting(found.due_for), workers_run=_workers(found))
    return tone, said if found.workers else f"{said} {_how_to_start()}"


def _need(number: int) -> str:
    return ngettext("{number} message needs a decision.", "{number} messages need a decision.", number)


def _wait(number: int) -> str:
    return ngettext("{number} message waits", "{number} messages wait", number)


def _why_waiting(found: Overview) -> tuple[str, str]:
    """Return the tone, and the sentence with {messages_wait}, {workers_run} and the {time} for which one is due."""
    if not found.workers and found.late:
        return "error", _("{messages_wait} and no worker runs; the oldest is due for {time}.")
    if not found.workers:
        return "warning", _("{messages_wait} and no worker runs.")
    if found.oldest:
        return "error" if found.late else "info", _("{messages_wait}; the oldest is due for {time}; {workers_run}.")
    return "info", _("{messages_wait}; none is due now; {workers_run}.")


def _counts(rows: QuerySet[OutboxEntry], now: datetime) -> dict[Why, Counted]:
    """Return how many of the first `rows` wait for each reason: one statement."""
    counted = rows[: limits.OUTBOX_COUNTED + 1]
    wanted = {reason.name: Count("pk", filter=in_case(reason, now)) for reason in _READY}
    found = counted.aggregate(total=Count("pk"), **wanted)
    more = found.pop("total") > limits.OUTBOX_COUNTED
    return {Why[name]: Counted(number, more) for name, number in found.items() if number}


def _shelved() -> dict[Why, Counted]:
    rows = OutboxEntry.objects.order_by().filter(shelf__in=(Shelf.PAUSED, Shelf.UNSURE, Shelf.CRASHED))
    found = dict(rows.values_list("shelf").annotate(number=Count("pk")))
    shelves = {Why.PAUSED: Shelf.PAUSED, Why.UNSURE: Shelf.UNSURE, Why.CRASHED: Shelf.CRASHED}
    return {reason: Counted(found.get(shelf, 0)) for reason, shelf in shelves.items()}


def _workers(found: Overview) -> str:
    number = len(found.workers)
    return ngettext("{number} worker runs", "{number} workers run", number).format(number=number)


def _how_to_start() -> str:
    """Return what starts a worker, as this deployment has them."""
    if str(conf.setting("QUEUE_WAKE")) == "celery":
        return _("See that Celery's workers run, and its beat with the sweep of mailadmin.")
    return _("Start one with: {command}").format(command=START_WORKER)
