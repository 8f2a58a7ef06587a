"""The outbox: queued messages, from the caller's transaction to the last word about them."""
