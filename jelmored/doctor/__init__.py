"""`jelmore doctor`: what is there on this machine, what is wrong with it, and what to do, on one screen.

It only looks. A daemon that runs is asked; without one, what can be seen from outside is told.
"""
