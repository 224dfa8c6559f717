"""Other ways to bring the same events from an edge to a database, to measure ours against.

Each peer gets the same lines in an outbox of its own (SQLite, WAL, `synchronous=FULL`) and ends in
a sink of its own, which does no more than insert what it does not have yet.
"""
