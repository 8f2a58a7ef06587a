"""The path of a message: convert, choose routes, send, log."""
