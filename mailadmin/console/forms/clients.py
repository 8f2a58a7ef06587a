"""The form of an API client: what its token is for, and where to tell what became of its messages."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailadmin.console.clients import SCOPES, route_choices
from mailadmin.core.clients import Scope
from mailadmin.models import ApiClient
from mailadmin.models.clients import OVER

from .base import Sections, textarea
from .moment import MomentField
from .secret import SecretField, forget_field
from .webhook import WebhookForm

_PARTS = (gettext_lazy("the kind"), gettext_lazy("the host of the address"))
_NO_LIMIT = gettext_lazy("0 for no limit.")


class ApiClientForm(WebhookForm):
    """An API client. The address of its Done events and their signing secret are never shown again."""

    front: ClassVar[Sections] = (
        (gettext_lazy("Client"), ("name", "scopes", "enabled", "expires_at")),
        (gettext_lazy("Its messages"), ("senders", "routes", "label")),
        (gettext_lazy("Limits"), ("daily_limit", "minute_limit")),
        (gettext_lazy("Done event"), ("url", "forget_url", "signing")),
    )
    destination_parts = {"url": _PARTS, "signing": _PARTS}

    scopes = forms.MultipleChoiceField(
        label=pgettext_lazy("scope", "May"),
        choices=[(str(scope), text) for scope, text in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=[str(Scope.SEND)],
        error_messages={"required": gettext_lazy("Choose at least one thing that the client may do.")},
    )
    routes = forms.MultipleChoiceField(
        label=gettext_lazy("Allowed routes"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("With none ticked its messages take any route, in the usual order."),
    )
    expires_at = MomentField(
        gettext_lazy("Valid until"),
        gettext_lazy("Leave it empty for a token without an end. A token that ends is renewed by “New token”."),
    )
    url = SecretField(
        lines=True,
        help_text=gettext_lazy(
            "Only for Done events: where one is posted, signed, when a message of this client is over."
        ),
    )
    forget_url = forget_field()
    signing = SecretField(
        help_text=gettext_lazy(
            "The receiver verifies by it that an event is ours; “openssl rand -base64 32” makes a good one."
        )
    )

    class Meta:
        model = ApiClient
        fields = ("name", "senders", "label", "daily_limit", "minute_limit", "expires_at", "enabled")
        widgets = {"senders": textarea(2)}
        labels = {
            "name": gettext_lazy("Name"),
            "senders": gettext_lazy("Allowed senders"),
            "label": gettext_lazy("Endpoint label"),
            "daily_limit": gettext_lazy("Messages a day"),
            "minute_limit": gettext_lazy("Requests a minute"),
            "enabled": gettext_lazy("Enabled"),
        }
        help_texts = {
            "name": gettext_lazy("The application or the machine, such as “Shop in Berlin”."),
            "senders": gettext_lazy(
                "Addresses and domains that it may put into From, with commas between them, such as “shop@example.org, "
                "@example.com”. Leave it empty for any."
            ),
            "label": gettext_lazy("Of its messages that name none: the log tells traffic apart by it."),
            "daily_limit": _NO_LIMIT,
            "minute_limit": _NO_LIMIT,
            "enabled": gettext_lazy("The token of a client that is off opens nothing."),
        }
        error_messages = {
            "name": {
                "required": gettext_lazy("Type a name."),
                "unique": gettext_lazy("Another client has this name."),
            }
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: ApiClient = self.instance
        if not row._state.adding:
            self.initial.update(scopes=row.scopes, routes=row.routes)
        self.fields["routes"].choices = route_choices(row.routes)  # type: ignore[attr-defined]  # its own class

    def clean_expires_at(self) -> Any:
        """Refuse a time that is over, unless it is the one that stands there."""
        at = self.cleaned_data["expires_at"]
        if at and at <= timezone.now() and at != self.initial.get("expires_at"):
            raise ValidationError(OVER)
        return at

    def clean(self) -> dict[str, Any]:
        """Take over what is no column of the form; an address that is forgotten takes its secret along."""
        typed = self.data
        values = super().clean()
        if self.data is not typed and hasattr(typed, "getlist"):  # a draft of single values is shown instead
            self.data = {**self.data, "scopes": typed.getlist("scopes"), "routes": typed.getlist("routes")}
        self.instance.scopes = values.get("scopes", self.instance.scopes)
        self.instance.routes = values.get("routes", self.instance.routes)
        if values.get("forget_url") and not values.get("url"):
            self.instance.host = ""
            if values.get("signing"):
                self.add_error("signing", _("Without an address there is nothing to sign; leave it empty."))
        return values
