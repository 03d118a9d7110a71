"""The command line: it knows every other room, and none of them knows it."""
