"""A module for each family of methods; `methods.py` has the table."""
