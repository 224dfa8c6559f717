"""Deciding who drives which car next: a pure planner behind one interface."""
