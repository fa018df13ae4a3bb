"""Bytes to values and back. No I/O, so it is tested without a socket."""
