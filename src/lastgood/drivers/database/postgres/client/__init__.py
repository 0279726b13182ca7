"""Sessions and client programs: where the server is, and what runs under the guard."""
