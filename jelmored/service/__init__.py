"""The daemon as a service of systemd: what it is given at the start, and what it tells. Elsewhere it is silent."""
