"""What the words mean: frozen values and pure functions. No Trio, no I/O, no log."""
