"""The nouns of lastgood: frozen, pure, one per file."""
