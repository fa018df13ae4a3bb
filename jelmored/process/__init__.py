"""An agent's process as a task: held by a warden, so that nothing of it outlives its run. Start at child.py."""
