-- Places that run pods: imported clusters, container hosts, accounts at a provider.

CREATE TABLE engines (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- NULL: the platform's.
    account_id TEXT COLLATE "C" REFERENCES accounts (id) ON DELETE CASCADE,
    -- Whose name is unique: the account, or '' for the platform.
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    ecosystem TEXT NOT NULL,
    -- JSON: where it is, without secrets.
    settings TEXT NOT NULL,
    -- Sealed: only who has the KEK reads them.
    credentials TEXT NOT NULL,
    -- JSON: what may be said about them.
    auth TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    failures BIGINT NOT NULL,
    -- JSON: what the last check learned.
    facts TEXT NOT NULL,
    cluster_uid TEXT COLLATE "C" NOT NULL,
    last_check_ms BIGINT,
    last_full_ms BIGINT,
    next_check_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX engines_by_name ON engines (owner, name);
CREATE INDEX engines_by_account ON engines (account_id, id);
CREATE INDEX engines_due ON engines (next_check_ms);

CREATE TABLE engine_checks (
    engine_id TEXT COLLATE "C" NOT NULL REFERENCES engines (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    depth TEXT NOT NULL,
    -- JSON.
    report TEXT NOT NULL,
    PRIMARY KEY (engine_id, at_ms)
);
