-- Outgoing webhooks: where an account is told of what happens, and what is on its way there.

CREATE TABLE webhooks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    -- Words between commas, with one at both ends: `,budget,engine,`.
    topics TEXT NOT NULL,
    -- Told of what belongs to no account, too.
    platform BOOLEAN NOT NULL DEFAULT FALSE,
    -- Sealed: what is read here signs nothing.
    secret TEXT NOT NULL,
    old_secret TEXT,
    old_secret_until_ms BIGINT,
    disabled_ms BIGINT,
    disabled_reason TEXT,
    failing_since_ms BIGINT,
    created_ms BIGINT NOT NULL
);
CREATE INDEX webhooks_by_account ON webhooks (account_id, id);

-- Written with the audit row of what happened. No reference to `webhooks`: a webhook that goes meanwhile must not undo the
-- change it would have been told of; what is left of it goes with the next sweep.
CREATE TABLE webhook_deliveries (
    webhook_id TEXT COLLATE "C" NOT NULL,
    -- The id of the audit row.
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    account_id TEXT COLLATE "C",
    target TEXT NOT NULL,
    target_name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    ecosystem TEXT,
    at_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    first_tried_ms BIGINT,
    next_ms BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, id)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (at_ms);

CREATE TABLE webhook_attempts (
    webhook_id TEXT COLLATE "C" NOT NULL,
    delivery_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    status BIGINT,
    problem TEXT,
    took_ms BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, delivery_id, number),
    FOREIGN KEY (webhook_id, delivery_id) REFERENCES webhook_deliveries (webhook_id, id) ON DELETE CASCADE
);

-- The end of the key that was announced: another end is announced anew.
ALTER TABLE api_keys ADD COLUMN end_announced_ms BIGINT;
