"""The miniature production, and the story that is lived through on it."""
