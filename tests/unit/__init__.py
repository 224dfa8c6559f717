"""Tests: one function or class at a time."""
