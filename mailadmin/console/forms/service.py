"""The forms of an integrated service, the app registration in Entra: the service, and its second credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailadmin.console.credential_state import lost_second_of, warnings_of
from mailadmin.core import limits
from mailadmin.models import IntegratedService
from mailadmin.models.credentials import FIRST, SECOND

from .base import Sections, certificates, out_of_range, textarea
from .credential import (
    CERTIFICATE_HELP,
    ENDS_HELP,
    KIND_HELP,
    CredentialForm,
    credential_section,
    shown_by_kind,
)
from .proxy import PROXY_COLUMNS, PROXY_PARTS, PROXY_SECTION, ProxyForm
from .secret import SecretField, forget_field

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_APP_PARTS: tuple[_StrOrPromise, ...] = (
    _("the kind"),
    _("the cloud"),
    _("the sign-in host"),
    _("the Graph host"),
    _("the mail hosts"),
    _("the CA certificate"),
    _("the tenant"),
    _("the client ID"),
    *[pgettext_lazy("what was changed", "the proxy")] * len(PROXY_PARTS),
)
_DATE_INVALID = {"invalid": _("Type the date as year-month-day, such as 2027-03-31.")}


def _date() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class IntegratedServiceForm(CredentialForm, ProxyForm):
    """An app registration: the page shows beside it where each value is found in Entra."""

    columns = FIRST
    front: ClassVar[Sections] = (
        (_("App registration"), ("name", "cloud", "authority_host", "graph_host", "tenant", "client_id")),
        (_("Credential"), credential_section(FIRST)),
    )
    advanced: ClassVar[Sections] = (
        (_("Hosts"), ("mail_hosts", "ca_pem")),
        PROXY_SECTION,
        ("Graph", ("requests_at_once", "wide_permission_ok")),
        (_("Account"), ("account_kind",)),
    )
    destination_parts = {"secret": _APP_PARTS, "proxy_password": PROXY_PARTS}
    shown_when: ClassVar[dict[str, str]] = (
        ProxyForm.shown_when | shown_by_kind(FIRST) | {"authority_host": "cloud=custom", "graph_host": "cloud=custom"}
    )

    secret = SecretField(label=_("Client secret"))
    forget_secret = forget_field()

    class Meta:
        model = IntegratedService
        fields = (
            "name",
            "cloud",
            "authority_host",
            "graph_host",
            "tenant",
            "client_id",
            "credential_kind",
            "credential_ends_on",
            "certificate",
            "mail_hosts",
            "ca_pem",
            *PROXY_COLUMNS,
            "requests_at_once",
            "wide_permission_ok",
            "account_kind",
        )
        widgets = {
            "tenant": forms.TextInput(_PLAIN),
            "client_id": forms.TextInput(_PLAIN),
            "credential_kind": forms.RadioSelect,
            "credential_ends_on": _date(),
            "certificate": certificates(),
            "mail_hosts": textarea(),
            "ca_pem": certificates(),
            "requests_at_once": forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
            "account_kind": forms.RadioSelect,
        }
        labels = {
            "name": _("Name"),
            "cloud": _("Cloud"),
            "authority_host": _("Sign-in host"),
            "graph_host": _("Graph host"),
            "tenant": _("Tenant"),
            "client_id": _("Client ID"),
            "credential_kind": _("Kind of credential"),
            "credential_ends_on": _("Client secret ends on"),
            "certificate": _("Certificate"),
            "mail_hosts": _("Further mail hosts"),
            "requests_at_once": _("Requests at once"),
            "wide_permission_ok": _("Tenant-wide permission is known"),
            "account_kind": _("Account kind"),
        }
        help_texts = {
            "name": _("What you call it here."),
            "cloud": _("Where your tenant lives; almost always Global."),
            "authority_host": _("Gives the tokens, such as localhost:8443."),
            "graph_host": _("Takes the mail; may be the same host."),
            "tenant": _("The directory (tenant) ID, or a domain of the tenant."),
            "client_id": _("The application (client) ID from the app's Overview page."),
            "credential_kind": KIND_HELP,
            "credential_ends_on": ENDS_HELP,
            "certificate": CERTIFICATE_HELP,
            "mail_hosts": _("Servers besides Microsoft's own that may get a token for SMTP; separated by spaces."),
            "ca_pem": _("Only for hosts whose certificate was not issued by a public authority."),
            "requests_at_once": format_lazy(
                _(
                    "To Graph, for all processes together. Usually {number}: Microsoft answers more with “too many "
                    "requests”. Empty for that."
                ),
                number=limits.GRAPH_REQUESTS_AT_ONCE,
            ),
            "wide_permission_ok": _(
                "A token with Mail.Send for every mailbox of the tenant is a warning in each test. Tick it when the "
                "app is limited in another way, or is meant to send as everybody; then it is only noted."
            ),
            "account_kind": _(
                "OAuth services can only use a service account: mail leaves from background jobs with no "
                "user signed in."
            ),
        }
        error_messages = {
            "name": {"required": _("Give it a name."), "unique": _("Another integrated service has this name.")},
            "client_id": {
                "max_length": _("An application (client) ID has 36 characters; copy it from the app's Overview page."),
            },
            "credential_kind": {"required": _("Choose how the app proves itself to Entra.")},
            "credential_ends_on": _DATE_INVALID,
            "requests_at_once": out_of_range(
                format_lazy(
                    _("Type a whole number from 1 to {most}; leave it empty for the usual one."),
                    most=limits.MAX_GRAPH_REQUESTS_AT_ONCE,
                )
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["requests_at_once"].required = False

    def clean_requests_at_once(self) -> int:
        """Return the number, the usual one for an empty field."""
        typed: int | None = self.cleaned_data["requests_at_once"]
        return limits.GRAPH_REQUESTS_AT_ONCE if typed is None else typed

    def warnings(self) -> list[str]:
        """Return what was saved but will not work."""
        return [*warnings_of(self.instance), *lost_second_of(self.instance)]


class SecondCredentialForm(CredentialForm):
    """The credential that waits to replace the one in use."""

    columns = SECOND
    complete = True
    front: ClassVar[Sections] = ((_("Second credential"), credential_section(SECOND)),)
    destination_parts = {"second_secret": _APP_PARTS}
    shown_when: ClassVar[dict[str, str]] = shown_by_kind(SECOND)

    second_secret = SecretField(label=_("Client secret"))

    class Meta:
        model = IntegratedService
        fields = ("second_kind", "second_ends_on", "second_certificate")
        widgets = {
            "second_kind": forms.RadioSelect,
            "second_ends_on": _date(),
            "second_certificate": certificates(),
        }
        labels = {
            "second_kind": _("Kind of credential"),
            "second_ends_on": _("Client secret ends on"),
            "second_certificate": _("Certificate"),
        }
        help_texts = {
            "second_kind": KIND_HELP,
            "second_ends_on": ENDS_HELP,
            "second_certificate": CERTIFICATE_HELP,
        }
        error_messages = {
            "second_kind": {"required": _("Choose how the app proves itself to Entra.")},
            "second_ends_on": _DATE_INVALID,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["second_kind"]
        kind.required = True
        kind.choices = IntegratedService.CredentialChoice.choices  # type: ignore[attr-defined]  # a choice field
        self.initial["second_kind"] = self.instance.second_kind or SECOND.kind_of(self.instance)
