"""Tests with the real agents: real processes, real sockets, the whole daemon; only the model is scripted."""
