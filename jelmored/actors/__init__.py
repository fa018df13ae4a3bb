"""The kit: mailboxes, supervision, start and stop order. Knows Trio, knows nothing of sessions."""
