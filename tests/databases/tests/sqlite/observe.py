"""Runs statements on SQLite, each on a database of its own in memory, and tells what they did: what the library asked
leave for, and what was changed after it. From standard input texts with NUL characters between; to standard output a
line for each, with effects before a bar and an error behind it. No file is opened: leave for that is not given."""

import sqlite3
import sys

FIXTURE = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT);
INSERT INTO users VALUES (1, 'alice', 'alice@example.com'), (2, 'erin', 'erin@example.com'), (3, 'bob', NULL);
CREATE TABLE events (created_at TEXT, data TEXT);
INSERT INTO events VALUES ('2026-01-01', '{"a": 1}'), ('2026-01-02', '{"a": 2}');
"""
TABLES = ("users", "events")
SCHEMA = {
    code
    for name, code in vars(sqlite3).items()
    if name.startswith(("SQLITE_CREATE_", "SQLITE_DROP_")) or name == "SQLITE_ALTER_TABLE"
}
ROWS = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
MAINTENANCE = {sqlite3.SQLITE_DETACH, sqlite3.SQLITE_REINDEX, sqlite3.SQLITE_ANALYZE}
SETTINGS = ("application_id", "foreign_keys", "trusted_schema", "user_version", "writable_schema")


def rows(connection):
    """The rows of each table by their number."""
    found = {}
    for table in TABLES:
        try:
            found[table] = {row[0]: row[1:] for row in connection.execute(f"SELECT rowid, * FROM {table}")}
        except sqlite3.OperationalError:
            found[table] = {}
    return found


def settings(connection):
    return [connection.execute(f"PRAGMA {name}").fetchall() for name in SETTINGS]


def observe(text):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(FIXTURE)
    before, settings_before = rows(connection), settings(connection)
    asked, error = [], ""

    def ask(action, first, second, _database, _trigger):
        asked.append((action, first, second))
        names_file = action == sqlite3.SQLITE_ATTACH and first not in ("", ":memory:")
        return sqlite3.SQLITE_DENY if names_file else sqlite3.SQLITE_OK

    connection.set_authorizer(ask)
    try:
        connection.executescript(text)
    except sqlite3.Error as raised:
        error = str(raised).replace("\n", " ")
    connection.set_authorizer(None)
    kinds = asked_for(asked)
    after = rows(connection)
    if "Write" in kinds and any(
        before[table] and all(after[table].get(number) != row for number, row in before[table].items())
        for table in TABLES
    ):
        kinds.add("WriteAll")
    if settings(connection) != settings_before:
        kinds.add("Admin")
    return f"{' '.join(sorted(kinds))}|{error}"


def asked_for(asked):
    """The effects of what the library asked leave for, apart from reading."""
    kinds = set()
    for action, first, second in asked:
        if action == sqlite3.SQLITE_ATTACH and first == "":
            # VACUUM makes all objects anew in a database without a name.
            return {"Admin"}
        if action == sqlite3.SQLITE_ATTACH:
            kinds.add("Exfiltrate")
        elif action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
            kinds.add("Exec")
        elif action in SCHEMA:
            # ANALYZE keeps what it finds in tables of the library's own.
            kinds.add("Admin" if first.startswith("sqlite_") else "Schema")
        elif action in MAINTENANCE:
            kinds.add("Admin")
        elif action in ROWS:
            kinds.add("Admin" if first.startswith("sqlite_") else "Write")
    if "Schema" in kinds:
        # Making and dropping an object changes the table of objects, and dropping one removes its rows.
        kinds -= {"Admin", "Write"}
    return kinds


for statement in sys.stdin.read().split("\0"):
    print(observe(statement))
