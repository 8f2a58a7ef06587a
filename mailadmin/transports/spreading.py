"""How a list of messages is handed to workers, as the thread of their caller sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from .base import Handed, Mail


class Crew(Protocol):
    """The workers of one call, seen from its thread."""

    owed: int  # messages without an end

    @property
    def at_home(self) -> bool:
        """Tell whether this is the process of the workers: a forked child has their queues, and not them."""

    @property
    def has_room(self) -> bool:
        """Tell whether another message may be read."""

    def add(self, ticket: int, mail: Mail) -> None:
        """Hand in a message."""

    def next_handed(self, *, wait: bool) -> Handed | None:
        """Return the next end of a message, None when there is none yet and nobody wants to `wait`."""

    def dismiss(self) -> None:
        """End the workers and wait for them: what is in flight is finished, what nobody has begun is dropped."""


def spread(gather: Callable[[], Crew], mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
    """Yield what became of each of `mails`, in the order in which they were finished; tickets are unique. The crew is
    gathered with the first result that is asked for.

    `mails` is read ahead within limits, and a message leaves however long the next one takes to be made; results have
    precedence over reading. Should `mails` raise, what was read is brought to its end first. When the iterator is
    closed early, what is in flight is finished and its fate lost, and what nobody has begun is dropped. In a child
    that was forked in the middle the iterator just ends: the messages are the parent's.
    """
    crew = gather()
    source = iter(mails)
    failure: Exception | None = None
    more = True
    try:
        while crew.at_home and (more or crew.owed):
            reading = more and crew.has_room
            if handed := crew.next_handed(wait=not reading):
                yield handed
                continue
            if reading:
                try:
                    crew.add(*next(source))
                except StopIteration:
                    more = False
                except Exception as error:
                    more, failure = False, error
    finally:
        crew.dismiss()
    if failure is not None:
        raise failure
