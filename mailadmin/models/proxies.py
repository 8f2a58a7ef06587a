"""The proxy that a row's connections go through."""

from __future__ import annotations

from dataclasses import replace

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core.destination import Destination, proxy_destination
from mailadmin.core.settings import Proxy, ProxyKind

from .fields import Checked
from .secrets import SecretHolder, SecretSlot


def _proxy_destination(row: ProxyHolder) -> Destination:
    return proxy_destination(row.proxy_without_password())


def spare_proxy(word: str) -> str:
    """Return what to say when something of a proxy, called `word`, is given and no kind of proxy."""
    return gettext("You typed a {word}: choose the kind of proxy, or leave it empty.").format(word=word)


class ProxyHolder(SecretHolder):
    """A row whose connections may go through a proxy."""

    class ProxyChoice(models.TextChoices):
        """How the proxy is spoken to."""

        NONE = "", _("No proxy")
        HTTP = ProxyKind.HTTP, "HTTP CONNECT"
        SOCKS5 = ProxyKind.SOCKS5, "SOCKS5"

    proxy_kind = models.CharField(_("proxy"), max_length=10, blank=True, choices=ProxyChoice, default=ProxyChoice.NONE)
    proxy_host = models.CharField(_("proxy host"), max_length=255, blank=True, validators=[Checked("host")])
    proxy_port = models.PositiveIntegerField(_("proxy port"), null=True, blank=True, validators=[Checked("port")])
    proxy_user = models.CharField(_("proxy user name"), max_length=255, blank=True, validators=[Checked("proxy_user")])
    proxy_password = SecretSlot(_("proxy password"), _proxy_destination)

    class Meta:
        abstract = True

    def to_proxy(self) -> Proxy | None:
        """Return the frozen value, None without a proxy."""
        proxy = self.proxy_without_password()
        return replace(proxy, password=self.proxy_password.value()) if proxy else None

    def proxy_without_password(self) -> Proxy | None:
        """Return the frozen value without opening or judging the password, None without a proxy."""
        if not self.proxy_kind:
            return None
        kind = ProxyKind(self.proxy_kind)
        return Proxy(kind, self.proxy_host.strip(), self.proxy_port or kind.default_port, self.proxy_user.strip())

    def proxy_errors(self) -> dict[str, str]:
        """Return a sentence for each field of the proxy that is missing; the password is `proxy_secret_errors`'."""
        if self.proxy_kind and not self.proxy_host.strip():
            return {"proxy_host": gettext("Type the name or IP address of the proxy, or choose “No proxy”.")}
        described = [name for name in ("proxy_host", "proxy_port", "proxy_user") if getattr(self, name)]
        if described and not self.proxy_kind:
            word = self._meta.get_field(described[0]).verbose_name  # type: ignore[union-attr]  # a column of ours
            return {"proxy_kind": spare_proxy(str(word))}
        return {}

    def needs_secret(self, name: str) -> bool:
        """Tell whether the proxy is told a user name, so that it needs the password."""
        return bool(self.proxy_kind and self.proxy_user) if name == "proxy_password" else super().needs_secret(name)

    def proxy_secret_errors(self) -> dict[str, str]:
        """Return a sentence when user name and password of the proxy do not come together (RFC 1929, RFC 7617)."""
        if not self.proxy_kind:
            return {"proxy_kind": spare_proxy(self.proxy_password.word)} if self.proxy_password.stored else {}
        if bool(self.proxy_user.strip()) == self.proxy_password.stored:
            return {}
        if self.proxy_password.stored:
            return {
                "proxy_user": gettext("The proxy password needs a user name; type it, or leave the password empty.")
            }
        return {
            "proxy_password": gettext("The proxy user name needs a password; type it, or leave the user name empty.")
        }
