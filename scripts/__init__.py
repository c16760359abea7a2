"""The command line: thin commands that parse, call the rooms, and print."""
