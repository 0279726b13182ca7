"""A commit on the branch that CI deploys from."""
