"""How a release is put live: one folder per driver."""
