-- Version 7. The devices that users have named when they came, for those who push to the ones that are away.

CREATE TABLE devices (
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    -- When it came last, to the hour.
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user, name)
) WITHOUT ROWID;
