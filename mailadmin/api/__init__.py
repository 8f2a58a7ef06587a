"""The HTTP API: programs hand over messages, and ask what became of them. Needs the extra `[api]` (django-ninja), which
nothing but `mailadmin.api.urls` imports."""
