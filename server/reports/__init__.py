"""Figures and lists for people who look back: SQL in, frozen values out.

Every time of a figure comes from the events' best known times; a report never writes.
"""
