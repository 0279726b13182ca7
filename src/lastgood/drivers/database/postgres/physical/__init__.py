"""A whole server goes back by the files that pgBackRest keeps."""
