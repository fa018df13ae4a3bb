"""What has happened, kept. Two verbs: append a batch, read from a cursor."""
