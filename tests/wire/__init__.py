"""Conversations of stations with the cloud, kept as plain facts, so that releases understand
each other: `tests/data/wire_<version>.json`.

    python -m tests.wire            records today's, under the version in setup.cfg

A release is recorded once, when it is made, and never again: later versions are held to it
(tests/integration/test_wire_versions.py). Until then its recording follows the code.

`wire_0.1.0.dev1.json` stands in for a release before the first: the state that first carried one
car from the tag's bytes to the manager's report. Its conversation was recorded by the same module
in a copy of that state, with that state's own agent, server and databases.

| member | what it is |
| --- | --- |
| `requests` | each request as it came, with time and signature, and its answer, or a lost one |
| `forms` | what that version demands of an answer and of a request, see `tests.wire.form` |
| `stations` | each station: settings, database and sealing key at the end, what its mirror held |
| `set_back` | SQL that takes from such a database all that the cloud ever answered |
| `tables` | the cloud's tables at the end: their columns, and their rows |
| `district`, `master_key` | what the cloud began with |
"""
