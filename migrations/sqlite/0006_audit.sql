-- Audit rows get all their fields and are sealed in a chain, one per account and one (`platform`) for rows without.

ALTER TABLE audit ADD COLUMN actor_name TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN target_name TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN outcome TEXT NOT NULL DEFAULT 'success';
ALTER TABLE audit ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN jti TEXT NOT NULL DEFAULT '';
-- NULL for rows from before this migration: they are sealed as one, see audit_segments.
ALTER TABLE audit ADD COLUMN chain TEXT;
ALTER TABLE audit ADD COLUMN sequence BIGINT;
-- HMAC-SHA-256 under the key `key_id`, which is never in this database.
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN key_id TEXT NOT NULL DEFAULT '';

CREATE UNIQUE INDEX audit_by_chain ON audit (chain, sequence);
-- One for each filter of the pages, so that a page costs the same however long the log is.
CREATE INDEX audit_by_account_action ON audit (account_id, action, id);
CREATE INDEX audit_by_account_actor ON audit (account_id, actor, id);
CREATE INDEX audit_by_account_target ON audit (account_id, target, id);
CREATE INDEX audit_by_account_trouble ON audit (account_id, id) WHERE outcome <> 'success';
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_target ON audit (target, id);
CREATE INDEX audit_by_trouble ON audit (id) WHERE outcome <> 'success';
-- Rows from before: they become no more.
CREATE INDEX audit_unsealed ON audit (account_id, id) WHERE sequence IS NULL;

-- How far each chain has come. Locked last in every change.
CREATE TABLE audit_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    key_id TEXT NOT NULL,
    seal TEXT NOT NULL
);

-- Rows that are vouched for as a whole: those from before sealing (last = 0), and those removed by age.
CREATE TABLE audit_segments (
    chain TEXT NOT NULL,
    last BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    hash TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    seal TEXT NOT NULL,
    PRIMARY KEY (chain, last)
);

-- A row goes only with its whole segment, whose end hash is kept.
DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_segments s WHERE s.chain = OLD.chain AND s.last >= OLD.sequence) BEGIN
    SELECT RAISE(ABORT, 'audit is append only');
END;
