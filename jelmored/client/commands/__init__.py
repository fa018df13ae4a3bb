"""The commands of `jelmore`, a module per family. A command is a coroutine that takes its options by name."""
