"""Readers made of software, on a pty, for tests, demos and stations without hardware."""
