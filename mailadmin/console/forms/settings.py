"""The forms of the preferences: what happens to all mail, and all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.forms.boundfield import BoundField
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core.preferences import Keep, Sending
from mailadmin.models import Settings

from .base import Sections, textarea

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


def _number() -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})


def _sentences(unit: _StrOrPromise, least: _StrOrPromise) -> dict[str, _StrOrPromise]:
    """Return the error messages of a number of days, hours or minutes."""
    return {
        "required": format_lazy(gettext("Type a number of {unit}."), unit=unit),
        "invalid": format_lazy(gettext("Type a whole number of {unit}."), unit=unit),
        "min_value": least,
        "max_value": format_lazy(gettext("At most %(limit_value)s {unit}."), unit=unit),  # the number comes from Django
    }


_DAYS = _sentences(_("days"), _("At least one day."))


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """The preferences of the whole installation, in sections. What happens to all mail has a form of its own, so that
    nobody turns that switch by saving another preference."""

    sections: ClassVar[Sections] = (
        (_("Outbox"), ("queue_lifetime_hours",)),
        (_("Privacy"), ("hide_codes", "keep_content", "keep_content_days")),
        (_("Delivery log"), ("retention_days",)),
        (_("Secrets"), ("secret_warning_days",)),
        ("DNS", ("resolvers",)),
        (_("Watching"), ("probe_minutes", "silence_hours")),
        (_("Alerts"), ("alert_quiet_minutes", "console_url")),
    )
    use_required_attribute = False

    class Meta:
        model = Settings
        fields = (
            "queue_lifetime_hours",
            "hide_codes",
            "keep_content",
            "keep_content_days",
            "retention_days",
            "secret_warning_days",
            "probe_minutes",
            "silence_hours",
            "resolvers",
            "alert_quiet_minutes",
            "console_url",
        )
        widgets = {
            "queue_lifetime_hours": _number(),
            "keep_content_days": forms.TextInput(
                attrs={
                    "inputmode": "numeric",
                    "autocomplete": "off",
                    "data-shown-when": f"keep_content={Keep.FAILED},{Keep.ALL}",
                }
            ),
            "retention_days": _number(),
            "secret_warning_days": _number(),
            "probe_minutes": _number(),
            "silence_hours": _number(),
            "resolvers": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "alert_quiet_minutes": _number(),
            "console_url": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
        }
        labels = {
            "queue_lifetime_hours": _("Try a queued message for (hours)"),
            "hide_codes": _("Hide one-time codes in subjects"),
            "keep_content": _("Keep the content of"),
            "keep_content_days": _("Keep it for (days)"),
            "retention_days": _("Keep the delivery log for (days)"),
            "secret_warning_days": _("Warn before a secret or certificate ends (days)"),
            "probe_minutes": _("Test every connection every (minutes)"),
            "silence_hours": _("Warn when no message got through for (hours)"),
            "resolvers": _("DNS resolvers"),
            "alert_quiet_minutes": _("Tell the same thing again after (minutes)"),
            "console_url": _("Address of this console"),
        }
        help_texts = {
            "queue_lifetime_hours": _(
                "A message that nobody takes is tried again and again for this long; then it has "
                "failed. For messages that are queued from now on."
            ),
            "hide_codes": _(
                "The delivery log replaces what looks like the code of a sign-in, as in “123456 is your "
                "code”. The message itself is not changed."
            ),
            "keep_content": _(
                "To send a message of the log again, its content must be kept: encrypted, and in the "
                "database. What waits in the outbox is kept there in any case."
            ),
            "keep_content_days": _("Then it is deleted; the row in the log stays."),
            "retention_days": _("Older messages, with their attempts, are removed from the log."),
            "secret_warning_days": _(
                "The dashboard shows a banner this long before a secret or certificate ends. Alerts "
                "tell it 60, 30, 14, 7 and 1 days before."
            ),
            "probe_minutes": _(
                "A real test, as far as the sender: nothing is sent. A connection whose password or "
                "certificate is refused is stopped before a message needs it. 0: never."
            ),
            "silence_hours": _(
                "Counted from the first message that was due and did not get through; a site that sends "
                "nothing is not warned. 0: never."
            ),
            "resolvers": _(
                "IP addresses, with a port after a colon if it is not 53, several with commas. They are asked "
                "for servers and about sender domains. Empty: those of this server."
            ),
            "alert_quiet_minutes": _("Until then it is only counted, and told with the number. 0: every time."),
            "console_url": _("For the links in alerts, such as https://mail.example.org. Empty: without links."),
        }
        error_messages = {
            "queue_lifetime_hours": _sentences(_("hours"), _("At least one hour.")),
            "keep_content_days": _DAYS,
            "retention_days": _DAYS,
            "secret_warning_days": _DAYS,
            "probe_minutes": _sentences(_("minutes"), _("0 or more minutes.")),
            "silence_hours": _sentences(_("hours"), _("0 or more hours.")),
            "alert_quiet_minutes": _sentences(_("minutes"), _("0 or more minutes.")),
        }

    def parts(self) -> list[tuple[_StrOrPromise, list[BoundField]]]:
        """Return the sections as the page shows them."""
        return [(title, [self[name] for name in names]) for title, names in self.sections]


class SendingForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """The switch for all mail: sent, held or redirected."""

    use_required_attribute = False
    # How the switch stood when the page was made: two people must not undo each other without knowing.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Settings
        fields = ("sending", "redirect_to", "spared")
        widgets = {
            "sending": forms.RadioSelect,
            "redirect_to": forms.EmailInput(
                attrs={"autocomplete": "off", "data-shown-when": f"sending={Sending.REDIRECTED}"}
            ),
            "spared": textarea(2),
        }
        labels = {
            "sending": _("All mail of this installation"),
            "redirect_to": _("Redirect to"),
            "spared": _("Except for"),
        }
        help_texts = {
            "sending": _(
                "Held: queued messages wait, and others are given back to the application with an error. "
                "Redirected: one address gets everything, with the original recipients in headers (X-Original-To)."
            ),
            "redirect_to": _("One address, such as that of the test team."),
            "spared": _(
                "Addresses and domains (example.org) that get their mail all the same, separated by commas or lines."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Settings = self.instance
        self.fields["spared"].widget.attrs["data-shown-when"] = f"sending={Sending.HELD},{Sending.REDIRECTED}"
        self._stands = row.get_sending_display()
        self.initial["seen"] = f"{row.sending}\n{row.redirect_to}\n{row.spared}".strip()

    def clean(self) -> dict[str, Any]:
        """Refuse, once, to undo what somebody else switched meanwhile."""
        values = super().clean() or self.cleaned_data
        if values.get("seen") and values["seen"].replace("\r\n", "\n") != self.initial["seen"]:
            self.add_error(
                None,
                gettext(
                    "Somebody switched while this page was open. It stands at “{state}” now; applying again changes "
                    "that to what is chosen here."
                ).format(state=self._stands),
            )
            self.data = {name: self.data[name] for name in self.data} | {"seen": self.initial["seen"]}
        return values

    def _post_clean(self) -> None:
        """Ask for the address of a redirection."""
        super()._post_clean()  # type: ignore[misc]  # Django's hook, missing from the stubs
        if not self.errors:
            for name, sentence in self.instance.sending_errors().items():
                self.add_error(name, sentence)
