-- Version 3. What operators decide about users. An end of NULL beside a set flag means: until somebody ends it.

CREATE TABLE sanctions (
    user         INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    banned       INTEGER NOT NULL DEFAULT 0,
    banned_until INTEGER,
    ban_reason   TEXT,
    muted        INTEGER NOT NULL DEFAULT 0,
    muted_until  INTEGER,
    mute_reason  TEXT,
    tokens_until INTEGER
);

-- Tokens that count no more, by their id, for as long as they would have lived.
CREATE TABLE revoked_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at INTEGER
) WITHOUT ROWID;
