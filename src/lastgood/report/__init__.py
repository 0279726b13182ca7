"""The record of what happened, for people and for programs; pure."""
