"""The turn in hand and the prompts that wait for theirs: what they may take, what they ask of people."""
