-- Version 4. What plugins keep, and messages that stand outside of the order.

CREATE TABLE plugin_kv (
    plugin     TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (plugin, key)
) WITHOUT ROWID;

-- Plugins that operators have switched on or off.
CREATE TABLE plugin_switches (
    plugin  TEXT PRIMARY KEY,
    enabled INTEGER NOT NULL
) WITHOUT ROWID;

-- Messages that their sender alone sees: silent ones, those that wait for a moderator, and those that were rejected.
CREATE TABLE asides (
    id           INTEGER PRIMARY KEY,
    mid          BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    sender       INTEGER NOT NULL REFERENCES users (id),
    -- The last message before it.
    after_seq    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    plugin       TEXT,
    reason       TEXT,
    content      TEXT,
    kind         TEXT NOT NULL,
    at           INTEGER NOT NULL,
    client_id    TEXT,
    reply_to     BLOB,
    attachments  TEXT,
    metadata     TEXT,
    mentions     TEXT,
    edited_at    INTEGER,
    deleted_at   INTEGER
);

CREATE INDEX asides_by_place ON asides (conversation, sender, after_seq);
CREATE INDEX asides_by_sender ON asides (sender);
CREATE UNIQUE INDEX asides_by_client_id ON asides (conversation, sender, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX asides_held ON asides (id) WHERE state = 'held';
