"""Tests: Hypothesis looks for the counterexample."""
