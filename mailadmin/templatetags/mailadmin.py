"""What the console's templates need: pills, times, durations, the side bar and the theme."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from lucide.templatetags.lucide import lucide

from mailadmin.console import hold, language
from mailadmin.console import nav as navigation
from mailadmin.console import retold as retelling
from mailadmin.console.theme import theme_of
from mailadmin.core.microsoft import countdown
from mailadmin.core.providers import Provider, of_host
from mailadmin.models import SmtpConnection
from mailadmin.watch.radar import signs_in_with_password

register = template.Library()

# Tone (colour) and icon (shape) of every state that the console shows; the word comes from the caller.
_GOOD, _WARN, _BAD, _OFF = "ok", "warn", "bad", "off"
STATES: dict[str, tuple[str, str]] = {
    # routes
    "ready": (_GOOD, "circle-check"),
    "untested": (_WARN, "circle-question-mark"),
    "failing": (_BAD, "triangle-alert"),
    "resting": (_BAD, "timer"),
    "stopped": (_BAD, "octagon-x"),
    "paused": (_WARN, "circle-pause"),
    # deliveries and recipients
    "queued": ("info", "clock"),
    "sending": ("info", "hourglass"),
    "pending": (_OFF, "circle-dashed"),
    "sent": (_GOOD, "circle-check"),
    "told": (_GOOD, "circle-check"),
    "sent-by-fallback": (_WARN, "triangle-alert"),
    "partly-sent": (_WARN, "triangle-alert"),
    "failed": (_BAD, "circle-x"),
    "refused": (_BAD, "circle-x"),
    "unsure": (_WARN, "circle-question-mark"),
    "interrupted": (_WARN, "unplug"),
    "held": (_WARN, "hand"),
    "expired": (_OFF, "calendar-x"),
    # why a message waits
    "due": ("info", "list-start"),
    "claimed": ("info", "hourglass"),
    "lost": (_WARN, "unplug"),
    "scheduled": (_OFF, "calendar-clock"),
    "again": (_WARN, "rotate-cw"),
    "once-more": (_WARN, "circle-question-mark"),
    "no-route": (_WARN, "route-off"),
    "crashed": (_BAD, "octagon-alert"),
    # what would become of a message at a route
    "first": (_GOOD, "circle-check"),
    "next": ("info", "list-end"),
    "last-resort": (_WARN, "life-buoy"),
    "left-out": (_OFF, "circle-slash"),
    "off": (_OFF, "power-off"),
    # workers
    "working": (_GOOD, "circle-check"),
    "stopping": ("info", "hourglass"),
    "gone": (_WARN, "unplug"),
    # tests and their steps
    "running": ("info", "hourglass"),
    "waiting": (_OFF, "circle-dashed"),
    "ok": (_GOOD, "circle-check"),
    "warning": (_WARN, "triangle-alert"),
    "not-proven": (_WARN, "circle-question-mark"),
    "not-run": (_OFF, "circle-minus"),
    "cancelled": (_OFF, "circle-stop"),
}
_UNKNOWN = (_OFF, "circle-minus")


@register.simple_tag
def pill(state: str, label: str = "") -> SafeString:
    """Show a state as word, colour and shape. `label` is the word; without one the state's own name serves."""
    tone, icon = STATES.get(str(state), _UNKNOWN)
    return _pill(tone, icon, str(label) or str(state).replace("-", " ").capitalize())


@lru_cache(maxsize=256)
def _pill(tone: str, icon: str, label: str) -> SafeString:
    """A page has fifty of them, of a dozen kinds."""
    return render_to_string("mailadmin/partials/pill.html", {"tone": tone, "icon": icon, "label": label})


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """Show an icon of Lucide beside words that say the same. As {% lucide %} does, which builds it anew each time."""
    return _icon(name, size)


@lru_cache(maxsize=256)
def _icon(name: str, size: int) -> SafeString:
    return SafeString(lucide(name, size=size, aria_hidden="true"))


@register.filter
def tone(state: str) -> str:
    """Return the tone of a state: ok, warn, bad, info or off."""
    return STATES.get(str(state), _UNKNOWN)[0]


@register.filter
def in_sentence(label: str) -> str:
    """Return a label as it stands in the middle of a sentence: small, but where every noun begins with a capital."""
    return str(label) if (get_language() or "").startswith(("de", "lb")) else str(label).lower()


@register.simple_tag
def when(value: datetime | None, missing: str = "") -> SafeString | str:
    """Show a time as people say it ("2 min ago", "in 4 min", "21 Nov 09:00"), with the exact value in the title.

    `missing` is said where there is no time; "never" if it is not given.
    """
    if value is None:
        return missing or gettext("never")
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, gettext("d M Y H:i:s T")),
        _spoken(value, timezone.now()),
    )


def _spoken(value: datetime, now: datetime) -> str:
    age = now - value
    local = timezone.localtime(value)
    if timedelta(0) < -age < timedelta(hours=1):
        return gettext("in {minutes} min").format(minutes=ceil(-age / timedelta(minutes=1)))
    if timedelta(0) <= age < timedelta(minutes=1):
        return gettext("just now")
    if timedelta(0) <= age < timedelta(hours=1):
        return gettext("{minutes} min ago").format(minutes=int(age.total_seconds() // 60))
    if local.date() == timezone.localtime(now).date():
        return local.strftime("%H:%M")
    same_year = local.year == timezone.localtime(now).year
    return date_format(local, gettext("j M H:i") if same_year else gettext("j M Y"))


@register.filter
def duration(milliseconds: float | None) -> str:
    """Show milliseconds as "388 ms", "1.2 s" or "2 min 5 s"; None as a dash."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{number_format(round(milliseconds / 1000, 1), 1)} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


@register.simple_tag(takes_context=True)
def nav(context: Context) -> list[tuple[str, list[navigation.Link]]]:
    """Return the side bar for the user of this request."""
    return navigation.nav(context["request"])


@register.inclusion_tag("mailadmin/sending/banner.html", takes_context=True)
def sending_banner(context: Context) -> dict[str, Any]:
    """Say what happens to all mail, to those who may see any of it; nothing while mail is simply sent."""
    user = context["request"].user
    banner = hold.banner() if user.has_perm("mailadmin.view_delivery") else None
    return {"banner": banner, "may_change": user.has_perm("mailadmin.change_settings")}


@register.simple_tag
def sign_out_address() -> str:
    """Return where the sign-out form posts to, "" when the project has no such page."""
    return navigation.sign_out_address() or ""


@register.inclusion_tag("mailadmin/radar/note.html")
def password_note(row: SmtpConnection | None) -> dict[str, str]:
    """Warn on the form of a saved connection that signs in to Microsoft with a password; nothing for any other."""
    warned = row is not None and signs_in_with_password(row)
    return {"countdown": countdown(timezone.localdate()) if warned else ""}


@register.inclusion_tag("mailadmin/discovery/note.html")
def provider_note(host: str | None) -> dict[str, Provider | None]:
    """Show the rules of the provider whose server `host` is; nothing for any other."""
    return {"provider": of_host(host or "")}


@register.filter
def retold(text: str, code: str = "") -> str:
    """Return what the log keeps of the knowledge entry `code` in the language of whoever looks."""
    return retelling.retold(text, code)


@register.simple_tag
def languages() -> list[language.Choice]:
    """Return the languages that a page may be in, [] where there is no choice."""
    return language.choices()


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """Return "light", "dark" or "" (as the system says) for this browser."""
    request: Any = context.get("request")
    return theme_of(request) if request else ""
