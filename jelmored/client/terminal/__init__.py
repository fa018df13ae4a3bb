"""What `jelmore` shows and hears: text made harmless, amounts in words, the transcript, keys."""
