"""Tests: what breaks in the field, made to break here."""
