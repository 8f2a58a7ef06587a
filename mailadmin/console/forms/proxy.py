"""The fields of a proxy, for every form whose row may go through one."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits
from mailadmin.models.fields import Checked
from mailadmin.models.proxies import ProxyHolder, spare_proxy

from .secret import SecretField, SecretForm, forget_field

PROXY_COLUMNS = ("proxy_kind", "proxy_host", "proxy_port", "proxy_user")
PROXY_SECTION = (_("Proxy"), (*PROXY_COLUMNS, "proxy_password", "forget_proxy_password"))
PROXY_PARTS = (_("the kind of proxy"), _("the proxy host"), _("the proxy port"), _("the proxy user name"))
# What people call the fields that only a proxy needs.
_WORDS = {
    "proxy_host": _("proxy host"),
    "proxy_port": _("proxy port"),
    "proxy_user": _("proxy user name"),
    "proxy_password": _("proxy password"),
}
_CHOSEN = "proxy_kind=http,socks5"
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class ProxyForm(SecretForm):
    """A form with a proxy: `PROXY_SECTION` goes into its sections, `PROXY_COLUMNS` into the fields of its Meta."""

    shown_when: ClassVar[dict[str, str]] = dict.fromkeys(PROXY_SECTION[1][1:], _CHOSEN)

    proxy_kind = forms.ChoiceField(
        required=False,
        label=_("Kind of proxy"),
        choices=ProxyHolder.ProxyChoice.choices,
        widget=forms.RadioSelect,
        help_text=_("For servers that can only be reached through one; it also finds the server's address."),
    )
    proxy_host = forms.CharField(
        required=False,
        label=_("Proxy host"),
        widget=forms.TextInput(_PLAIN),
        help_text=_("Name or IP address of the proxy."),
    )
    proxy_port = forms.IntegerField(
        required=False,
        label=_("Proxy port"),
        validators=[Checked("port")],
        error_messages={"invalid": _("A port is a whole number from 1 to 65535; leave it empty for the usual one.")},
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text=format_lazy(
            _("Empty for the usual one: {http} for HTTP, {socks5} for SOCKS5."),
            http=limits.PROXY_PORT_HTTP,
            socks5=limits.PROXY_PORT_SOCKS5,
        ),
    )
    proxy_user = forms.CharField(
        required=False,
        label=_("Proxy user name"),
        widget=forms.TextInput(_PLAIN),
        help_text=_("Empty when the proxy asks for none. An HTTP proxy gets name and password without encryption."),
    )
    proxy_password = SecretField()
    forget_proxy_password = forget_field()

    def needs(self, slot: str) -> bool:
        """Tell whether the chosen proxy is told a user name, so that it needs the password."""
        return bool(self.instance.needs_secret(slot))

    def clean(self) -> dict[str, Any]:
        """Ask for the kind of a proxy that was described; forget what a row that goes without one still held.
        Raises nothing: errors go to their fields."""
        values = super().clean() or self.cleaned_data
        if values.get("proxy_kind") or "proxy_kind" in self.errors:
            return values
        described = [name for name in (*PROXY_COLUMNS[1:], "proxy_password") if values.get(name)]
        if typed := [name for name in described if name in self.changed_data]:
            self.add_error("proxy_kind", spare_proxy(str(_WORDS[typed[0]])))
        for name in described:
            values[name] = None if name == "proxy_port" else ""
        return values
