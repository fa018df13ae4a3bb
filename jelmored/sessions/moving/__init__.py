"""How sessions come and go: new ones, forks, to and from other daemons and the agents' own programs."""
