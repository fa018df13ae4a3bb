"""The demo: a scripted agent that needs neither model nor account, run through every real part of the daemon."""
