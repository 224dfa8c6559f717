"""The schema of the station's database, step by step; a step once released never changes.

`PRAGMA user_version` counts the steps that a file has been through. There is no way back: an
older agent refuses a newer file, because it could not keep what it does not know. The exception is
a file of which it knows `OLDEST_READER` steps or more, so that a release that does not start can be
taken back.
"""

from __future__ import annotations

OLDEST_READER = 4
"""An agent that knows this many steps can work in a file of today's schema: what came since are
tables of their own, which it does not need and does not touch. A step that does anything else
raises this to its own number."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        # The journal. `line` is the sealed event as it travels; rows are never deleted.
        """CREATE TABLE event (
            seq INTEGER PRIMARY KEY CHECK (seq > 0),
            id TEXT NOT NULL UNIQUE,
            visit_id TEXT,
            line BLOB NOT NULL,
            hash TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            mono_ns INTEGER NOT NULL,
            wall TEXT NOT NULL,
            verdict TEXT,
            code TEXT,
            detail TEXT,
            settled_at TEXT
        )""",
        "CREATE INDEX event_refused ON event (seq) WHERE verdict = 'refused'",
        # Personal data beside the chain; `phone` and `salt` go once the cloud has them.
        """CREATE TABLE guest (
            ref TEXT PRIMARY KEY,
            visit_id TEXT NOT NULL,
            seq INTEGER NOT NULL UNIQUE,
            plate TEXT NOT NULL,
            phone TEXT,
            has_phone INTEGER NOT NULL,
            salt TEXT
        ) WITHOUT ROWID""",
        # The district as the cloud told it, and what this station added to it since.
        """CREATE TABLE mirror_event (
            id TEXT PRIMARY KEY,
            visit_id TEXT NOT NULL,
            journal_id TEXT NOT NULL,
            at TEXT NOT NULL,
            event TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX mirror_event_visit ON mirror_event (visit_id)",
        """CREATE TABLE mirror_doc (
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (kind, id)
        ) WITHOUT ROWID""",
        "CREATE TABLE draft (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL)",
        "CREATE TABLE on_shift (person_id TEXT PRIMARY KEY) WITHOUT ROWID",
        """CREATE TABLE code_try (
            visit_id TEXT PRIMARY KEY,
            wrong INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            locked_mono_ns INTEGER
        ) WITHOUT ROWID""",
    ),
    (
        # Cars that were here before; see `known_cars`.
        """CREATE TABLE known_car (
            digest TEXT PRIMARY KEY,
            colour TEXT,
            handling TEXT NOT NULL,
            language TEXT NOT NULL,
            phone_tail TEXT,
            seen_at TEXT NOT NULL
        ) WITHOUT ROWID""",
        # PINs that people chose at this station; see `pins`.
        """CREATE TABLE pin (
            person_id TEXT PRIMARY KEY,
            salt TEXT NOT NULL,
            digest TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # The number of a car that comes again is in the cloud only; see `known_cars`.
        "ALTER TABLE guest ADD COLUMN phone_ref TEXT",
        "ALTER TABLE known_car ADD COLUMN guest_ref TEXT",
    ),
    (
        # What the cloud tells of everybody's PIN, and what it has yet to hear; see
        # `sign_in.pin_rows`. A PIN of before was of one station only: people choose anew.
        "DELETE FROM pin",
        """CREATE TABLE staff_pin (
            person_id TEXT PRIMARY KEY,
            sealed BLOB NOT NULL
        ) WITHOUT ROWID""",
        "CREATE TABLE pin_change (id TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE pin_try (
            person_id TEXT PRIMARY KEY,
            mark TEXT NOT NULL,
            wrong INTEGER NOT NULL,
            locks INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            locked_mono_ns INTEGER
        ) WITHOUT ROWID""",
    ),
)
