"""What a session has written: its log, and the facts that change with it."""
