-- Version 2. The search index follows the messages in batches, out of the way of sends: `up_to` is the last message that
-- it has. What changes before that point changes in the index at once.

CREATE TABLE search_index (
    up_to INTEGER NOT NULL
);

INSERT INTO search_index (up_to) SELECT COALESCE(MAX(id), 0) FROM messages;

DROP TRIGGER messages_fts_insert;
DROP TRIGGER messages_fts_update;
DROP TRIGGER messages_fts_delete;

CREATE TRIGGER messages_fts_update AFTER UPDATE OF content ON messages
WHEN old.id <= (SELECT up_to FROM search_index) BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content)
        SELECT 'delete', old.id, old.content WHERE old.content IS NOT NULL;
    INSERT INTO messages_fts (rowid, content) SELECT new.id, new.content WHERE new.content IS NOT NULL;
END;

CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages
WHEN old.id <= (SELECT up_to FROM search_index) BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content)
        SELECT 'delete', old.id, old.content WHERE old.content IS NOT NULL;
    -- Where the newest messages go, their keys are given out again.
    UPDATE search_index SET up_to = (SELECT COALESCE(MAX(id), 0) FROM messages)
        WHERE up_to > (SELECT COALESCE(MAX(id), 0) FROM messages);
END;
