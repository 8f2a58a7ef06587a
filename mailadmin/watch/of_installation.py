"""What is wrong with the installation as a whole: its key, what holds all mail, and whether somebody looks after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mailadmin import conf
from mailadmin.core import limits, microsoft
from mailadmin.core.alerts import Event
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.texts import _
from mailadmin.models import SmtpConnection

from .finding import ERROR, WARNING, Finding, Link, link
from .outbox import START_WORKER
from .radar import blips_of
from .reading import Reading
from .waiting import lasting

_SETTINGS = "mailadmin.change_settings"
_LOOK_BY_CRON = "python manage.py mailadmin_health --probe"


def key_finding() -> Iterator[Finding]:
    """Yield that stored secrets cannot be opened. No statement."""
    try:
        conf.key_ring()
    except conf.ConfigurationError as error:
        title = _("The encryption key is missing: no stored password can be read.")
        yield Finding(ERROR, "installation:key", "key", title, str(error), Event.FAILING)


def held_finding(now: Preferences) -> Iterator[Finding]:
    """Yield that no mail leaves, or all of it elsewhere, because the guard or somebody wants it so."""
    if now.objection:
        text = _("{reason} Nothing leaves until an administrator confirms that it belongs here.")
        text = text.format(reason=now.objection)
        cure = link(_("See what waits, and confirm"), "settings-confirm", permission=_SETTINGS)
        title = _("All mail is held: is this the right database?")
        yield Finding(ERROR, "installation:objection", "objection", title, text, links=(cure,))
    elif now.sending is not Sending.ON:
        held = now.sending is Sending.HELD
        title = _("All mail is held.") if held else _("All mail goes to {address}.").format(address=now.redirect_to)
        text = (
            _("Queued messages wait; others are given back to the application with an error.")
            if held
            else _("Its recipients get nothing. Only connection tests still go where you type.")
        )
        if now.spared:
            text += " " + _("Except for: {addresses}.").format(addresses=", ".join(now.spared))
        cure = link(_("Change that"), "settings-sending", permission=_SETTINGS)
        yield Finding(WARNING, "installation:sending", "sending", title, text, links=(cure,))


def late_watch(found: Reading) -> Iterator[Finding]:
    """Yield that nobody looks after the schedule: the dead man's switch of scheduled tests and alerts."""
    minutes = found.settings.probe_minutes if found.routes else 0
    if not (minutes or found.alerts_wanted):
        return
    oldest = min((seen.row.created_at for seen in found.routes), default=found.now)
    since = found.settings.watched_at or oldest
    patience = timedelta(seconds=max(limits.WATCH_LATE_SECONDS, 1.5 * 60 * minutes))
    if found.now - since <= patience:
        return
    what = _("Scheduled tests") if minutes else _("Alerts")
    if minutes and found.alerts_wanted:
        what = _("Scheduled tests and alerts")
    title = _("{what} do not run: nobody looked after them so far.")
    if found.settings.watched_at:
        title = _("{what} do not run: nobody looked after them for {time}.")
    text = _(
        "A worker does it (start one with: {worker}), or cron with: {cron}. To do without, set the interval to 0 on "
        "the Settings page."
    )
    yield Finding(
        WARNING,
        "installation:watch",
        "watch",
        title.format(what=what, time=lasting((found.now - since).total_seconds())),
        text.format(worker=START_WORKER, cron=_LOOK_BY_CRON),
        links=(link(_("Open the settings"), "settings", permission=_SETTINGS),),
    )


def radar_finding(found: Reading) -> Iterator[Finding]:
    """Yield the enabled connections that sign in to Microsoft with a password (N16), with the date and the way to the
    Graph twin, as long as no OAuth service stands before them."""
    rows = [seen.row for seen in found.routes if isinstance(seen.row, SmtpConnection)]
    blips = [blip for blip in blips_of(rows, found.oauth, found.services) if not blip.settled]
    if not blips:
        return
    first = blips[0]
    title = _("“{name}” signs in to Microsoft with a password.").format(name=first.row.name)
    if len(blips) > 1:
        title = _("{number} SMTP connections sign in to Microsoft with a password.").format(number=len(blips))
    links = [link(_("What that means, and the way to Graph"), "smtp-radar", permission="mailadmin.view_smtpconnection")]
    if len(blips) == 1 and first.twin_url and not first.twins:
        links.append(Link(first.twin_url, _("Make the Graph twin"), "mailadmin.add_oauthservice"))
    text = microsoft.countdown(found.today)
    yield Finding(WARNING, "routes:radar", "radar", title, text, links=tuple(links))


def log_finding() -> Iterator[Finding]:
    """Yield that there is no log, so that nobody takes an empty one for silence. No statement."""
    if not conf.setting("DELIVERY_LOG"):
        text = _(
            "MAILADMIN in the settings of the server says so: messages are sent, and leave a line in the server's log "
            "only."
        )
        yield Finding(WARNING, "installation:log", "log", _("The delivery log is switched off."), text)
