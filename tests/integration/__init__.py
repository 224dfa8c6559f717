"""Tests: real parts together."""
