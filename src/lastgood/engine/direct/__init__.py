"""The direct engine: here, now, in a detached process, with our journal as its memory."""
