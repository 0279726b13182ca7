"""A git remote by plumbing on a private bare cache, without any working copy."""
