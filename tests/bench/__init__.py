"""Tests: figures, not verdicts."""
