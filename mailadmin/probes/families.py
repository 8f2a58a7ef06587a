"""Whether a server answers by the other family of addresses too: one that is dead costs every connection time."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import AddressFamily
from mailadmin.core.texts import _, carried
from mailadmin.net import dialler, race, stopping


def family_of(address: str) -> str:
    """Return "IPv4" or "IPv6"."""
    return f"IPv{ipaddress.ip_address(address.partition('%')[0]).version}"


def address_rows(addresses: Sequence[str], seconds: float) -> list[list[str]]:
    """Return the details of an answer of the DNS that took `seconds`."""
    return [[family_of(address), address] for address in addresses] + [[_("Answer after"), milliseconds(seconds)]]


def milliseconds(seconds: float) -> str:
    """Return "12 ms"."""
    return f"{seconds * 1000:.0f} ms"


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Give a function that tells the seconds since the block began."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started


class OtherFamily:
    """One attempt to connect to an address of the family that was not used, beside the test; it says nothing to the
    server and is over within OTHER_FAMILY_SECONDS. The addresses are those that the policy let pass; `address` is the
    one that is tried, "" where there is only one family."""

    def __init__(self, addresses: Sequence[str], used: str, host: str, port: int) -> None:
        """Begin at once; `used` is the address that the test is connected to."""
        self._host, self._port = host, port
        self.address = next((one for one in addresses if family_of(one) != family_of(used)), "")
        self._answer: tuple[bool, str] | None = None
        self._ended = threading.Event()
        self._until = time.monotonic() + limits.OTHER_FAMILY_SECONDS
        self._tried = bool(self.address) and race.routed(self.address)
        if self._tried:
            threading.Thread(target=carried(self._try), name="mailadmin-other-family", daemon=True).start()

    def tell(self, step: Step) -> None:
        """Add what came out to `step`. Waits for the rest of the time, unless it is stopped."""
        label = f"{family_of(self.address)} {self.address}"
        if not self._tried:
            step.details.append(
                [label, _("not tried: this machine has no {family}").format(family=family_of(self.address))]
            )
            return
        stopping.wait(self._ended, self._until - time.monotonic() + limits.RACE_SECONDS)
        if stopping.pressed():
            return
        well, words = self._answer or (False, _("no answer in time"))
        step.details.append([label, words])
        if not well and step.state in (StepState.OK, StepState.WARNING):
            step.state = StepState.WARNING
            text = _(
                "The server does not answer by {label} ({words}), although the DNS names it and this machine has "
                "{family}: connections may begin late. Have the server or that DNS record mended, or choose the other "
                "family in the settings."
            )
            step.notes.append(text.format(label=label, words=words, family=family_of(self.address)))

    def _try(self) -> None:
        seconds = limits.OTHER_FAMILY_SECONDS
        with stopwatch() as taken:
            try:
                dialler.connect([self.address], self._port, seconds, self._host, AddressFamily.IN_TURN).close()
            except MailError as error:
                self._answer = (False, error.fault.text.removeprefix(f"{self.address}: "))
            else:
                self._answer = (True, _("connected in {time}").format(time=milliseconds(taken())))
            finally:
                self._ended.set()
