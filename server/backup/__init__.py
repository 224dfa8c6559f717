"""Backups of the cloud: one folder each, checked before it is believed (see `OPERATIONS.md`)."""
