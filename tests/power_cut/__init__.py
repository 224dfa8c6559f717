"""The plug is pulled: every image of the card that a cut could leave, opened by the real station.

| module | owns |
| --- | --- |
| `sqlite_hooks` | standing between SQLite and its files, inside one process |
| `operations` | what can be done to a file, as it is recorded |
| `recorder` | writing down what a station does to its folder, and what it acknowledged |
| `evening` | the station that is recorded, as a process of its own |
| `card` | which images a cut could leave at each point of a recording |
| `checker` | opening an image as the station does, and asking what is lost |
| `replay` | all of it in a row |
| `full_card` | the other use of the hooks: a card that is full at each write in turn |

`python -m tests.power_cut` prints the figures.

Why a shim inside the process and not another way: `_sqlite3` is linked to the shared `libsqlite3`
on Debian, so `ctypes` reaches the very library that the station uses, and SQLite has two doors made
for this (`sqlite3_vfs_register`, `xSetSystemCall`). That needs no compiler (LD_PRELOAD does), no
root and no kernel feature (FUSE, device mapper), no right to trace (ptrace, often forbidden in
containers, and different on each processor), and it does not swap the SQLite under test for another
one (apsw brings its own). The station's code and its SQLite are the real ones. What is recorded is
each write, truncation, sync, creation and removal that SQLite asks the system for, at the place
where it asks; the few calls that the station makes itself (`os.link`, `os.rename`, `os.fsync`, ...)
are recorded where `os` is asked. Python whose `_sqlite3` has SQLite built in cannot be hooked, and
says so.

What a card may do here: of the writes since a file's last sync any may be there and any may be
missing, in any order, each whole or torn at a sector of 512 bytes; so may names since the folder's
last sync. What it may not do: damage what was synced, tear a sector, or lie about a sync. Cheap
cards do all three; no program can promise anything then, and the chain and `journal_rescue` are
there for that day. The folder itself is taken to be there: the installation makes it.
"""
