"""A small shop, as it was before mailadmin, and with the lines that plug it in."""
