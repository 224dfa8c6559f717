"""Signed releases of the station's program: made, checked, put side by side, and taken back."""
