"""Providers at work: their runs, places and health. A session asks here for a run and hears of it until its end."""
