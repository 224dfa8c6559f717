"""Signing in at a station: a badge, six digits, and for how long they count."""
