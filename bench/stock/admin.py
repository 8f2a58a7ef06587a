"""Its changelist, with nothing tuned."""

from __future__ import annotations

from django.contrib import admin

from bench.stock.models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    """Shows and finds what the console's list shows and finds, fifty on a page as there."""

    list_display = ("created_at", "recipient", "subject", "route_name", "state", "duration_ms")
    list_filter = ("state",)
    search_fields = ("subject", "from_address", "recipient", "message_id")
    list_per_page = 50
