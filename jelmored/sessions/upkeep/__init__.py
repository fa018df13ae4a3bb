"""What is tidied: sessions that end, those that nobody uses, what a former life has left."""
