"""Figures: narrow rows that reports are counted from, made out of the events by the worker.

They follow from the events alone (and from what was planned and promised), beside the tables that
the district works with: nothing waits for them, and they can be thrown away and made again.
"""
