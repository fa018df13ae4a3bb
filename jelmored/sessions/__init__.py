"""Who owns the state: a Session task per awake session, the directory that places them, and what they publish to."""
