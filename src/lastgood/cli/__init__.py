"""The door from the shell: parse, call the app, render; no decisions."""
