-- Version 6. What applications are to be told over HTTP.

-- A row is written in the transaction of what it tells of. No id comes twice: cursors go by it.
CREATE TABLE outbox (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    eid  BLOB NOT NULL,
    kind TEXT NOT NULL,
    -- The conversation, or the user: events of one lane are told in their order.
    lane TEXT NOT NULL,
    body TEXT NOT NULL,
    at   INTEGER NOT NULL
);

CREATE TABLE webhooks (
    name   TEXT PRIMARY KEY,
    -- What is not behind it was told, or stands in the backlog.
    cursor INTEGER NOT NULL,
    -- Why nothing is sent, where nothing is.
    paused TEXT
) WITHOUT ROWID;

-- Events before the cursor that an endpoint has not taken.
CREATE TABLE webhook_backlog (
    webhook  TEXT NOT NULL REFERENCES webhooks (name) ON DELETE CASCADE,
    event    INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    attempts INTEGER NOT NULL,
    -- When it is tried again; none of one that was given up.
    due      INTEGER,
    error    TEXT,
    PRIMARY KEY (webhook, event)
) WITHOUT ROWID;

CREATE INDEX webhook_backlog_by_event ON webhook_backlog (event);
