"""The state: ledger, holds, journal, locks, incidents, watches, plans and events.

Nothing is imported here, so that `glance` reads the state without SQLAlchemy.
"""
