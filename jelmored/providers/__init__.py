"""Where agents come from: the contract (base), who is configured (registry), and one folder per type."""
