"""Tests: the screens, in a real Chromium."""
