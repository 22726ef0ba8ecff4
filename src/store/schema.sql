-- Version 1. Times are milliseconds since 1970; ids that users bring are mapped to integers once.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id          INTEGER PRIMARY KEY,
    uid         TEXT NOT NULL UNIQUE,
    status      TEXT,
    status_text TEXT,
    last_seen   INTEGER
);

CREATE TABLE conversations (
    id           INTEGER PRIMARY KEY,
    cid          TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    title        TEXT,
    owner        INTEGER REFERENCES users (id),
    member_count INTEGER NOT NULL DEFAULT 0,
    last_seq     INTEGER NOT NULL DEFAULT 0,
    first_seq    INTEGER NOT NULL DEFAULT 1,
    metadata     TEXT,
    post         TEXT NOT NULL,
    invite       TEXT NOT NULL,
    -- The two users of a direct conversation, the smaller id first: there is one for each pair.
    direct_key   TEXT UNIQUE,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    active_at    INTEGER NOT NULL
);

CREATE TABLE members (
    conversation  INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user          INTEGER NOT NULL REFERENCES users (id),
    role          TEXT NOT NULL,
    joined_at     INTEGER NOT NULL,
    muted_until   INTEGER,
    banned_until  INTEGER,
    delivered_seq INTEGER NOT NULL DEFAULT 0,
    read_seq      INTEGER NOT NULL DEFAULT 0,
    own_unread    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user, conversation);
CREATE INDEX members_by_ban ON members (banned_until) WHERE banned_until IS NOT NULL;

CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    mid          BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    sender       INTEGER NOT NULL REFERENCES users (id),
    content      TEXT,
    kind         TEXT NOT NULL,
    at           INTEGER NOT NULL,
    client_id    TEXT,
    reply_to     BLOB,
    attachments  TEXT,
    metadata     TEXT,
    mentions     TEXT,
    reacted      INTEGER NOT NULL DEFAULT 0,
    edited_at    INTEGER,
    deleted_at   INTEGER
);

CREATE UNIQUE INDEX messages_by_seq ON messages (conversation, seq);
-- A retry is found for ever, with no window of time.
CREATE UNIQUE INDEX messages_by_client_id ON messages (conversation, sender, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji   TEXT NOT NULL,
    user    INTEGER NOT NULL REFERENCES users (id),
    at      INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, user)
) WITHOUT ROWID;

CREATE TABLE notifications (
    id           INTEGER PRIMARY KEY,
    nid          BLOB NOT NULL UNIQUE,
    user         INTEGER NOT NULL REFERENCES users (id),
    kind         TEXT NOT NULL,
    title        TEXT,
    message      TEXT NOT NULL,
    count        INTEGER,
    conversation TEXT,
    message_id   BLOB,
    data         TEXT,
    created_at   INTEGER NOT NULL,
    read_at      INTEGER
);

CREATE INDEX notifications_by_user ON notifications (user, id);
-- One unread entry for each conversation, whose count rises.
CREATE UNIQUE INDEX notifications_unread_messages ON notifications (user, conversation)
    WHERE kind = 'message' AND read_at IS NULL;
CREATE INDEX notifications_by_message ON notifications (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX notifications_by_conversation ON notifications (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX notifications_unread ON notifications (user) WHERE read_at IS NULL;

CREATE VIRTUAL TABLE messages_fts USING fts5 (
    content, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages WHEN new.content IS NOT NULL BEGIN
    INSERT INTO messages_fts (rowid, content) VALUES (new.id, new.content);
END;
CREATE TRIGGER messages_fts_update AFTER UPDATE OF content ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content)
        SELECT 'delete', old.id, old.content WHERE old.content IS NOT NULL;
    INSERT INTO messages_fts (rowid, content) SELECT new.id, new.content WHERE new.content IS NOT NULL;
END;
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages WHEN old.content IS NOT NULL BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', old.id, old.content);
END;
