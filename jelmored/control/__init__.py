"""The doors: a WebSocket listener whose faults stay with the connection that caused them, and protocol 1 behind it."""
