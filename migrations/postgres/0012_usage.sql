-- Usage: what ran, from when to when, at which price; the one source of cost (DESIGN, walk 5). And budgets over it.

-- One row per pod and month: a pod that runs over a month's end is ended there and goes on in another row, so that a closed
-- month never changes. No foreign keys: invoices outlive namespaces, members and accounts, so their names stand here too.
CREATE TABLE usage_records (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    namespace_id TEXT COLLATE "C" NOT NULL,
    namespace TEXT NOT NULL,
    kubernetes_name TEXT NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    member TEXT NOT NULL,
    pod_uid TEXT COLLATE "C" NOT NULL,
    pod TEXT NOT NULL,
    -- The pod in the customer's own cluster that this one stands for; the pod itself where there is none.
    origin_pod TEXT NOT NULL,
    origin_namespace TEXT NOT NULL,
    sku TEXT NOT NULL,
    engine TEXT NOT NULL,
    runtime_class TEXT NOT NULL,
    -- Per hour, as admission froze it.
    price_micros BIGINT NOT NULL,
    currency TEXT NOT NULL,
    -- Year * 12 + month - 1, UTC: that of started_ms.
    month BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    -- NULL while it runs.
    ended_ms BIGINT,
    UNIQUE (pod_uid, started_ms)
);
-- A pod runs once at a time, whatever a console that was killed did before.
CREATE UNIQUE INDEX usage_records_open ON usage_records (pod_uid) WHERE ended_ms IS NULL;
CREATE INDEX usage_records_open_of_account ON usage_records (account_id) WHERE ended_ms IS NULL;
CREATE INDEX usage_records_by_month ON usage_records (account_id, month, id);
CREATE INDEX usage_records_for_billing ON usage_records (account_id, month, namespace_id, started_ms, id);

-- What ended, added up by day as it ends, in the same transaction: a month is summed over thousands of rows, not millions.
CREATE TABLE usage_days (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Days since 1970-01-01, UTC.
    day BIGINT NOT NULL,
    namespace_id TEXT COLLATE "C" NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    sku TEXT NOT NULL,
    currency TEXT NOT NULL,
    namespace TEXT NOT NULL,
    member TEXT NOT NULL,
    seconds BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (account_id, day, namespace_id, member_id, sku, currency)
);

-- One row: until when all that is open is known to have run.
CREATE TABLE usage_meter (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seen_ms BIGINT NOT NULL
);

-- What an account, or one of its namespaces, means to spend in a month.
CREATE TABLE budgets (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- NULL: the whole account.
    namespace_id TEXT COLLATE "C" REFERENCES namespaces (id) ON DELETE CASCADE,
    amount_micros BIGINT NOT NULL,
    currency TEXT NOT NULL,
    -- JSON list of percents.
    warn_at TEXT NOT NULL,
    hard_stop BOOLEAN NOT NULL,
    -- The month that `reached` is about, and the highest percent that was announced in it.
    month BIGINT NOT NULL,
    reached BIGINT NOT NULL,
    -- New pods are refused now.
    stopped BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX budgets_of_account ON budgets (account_id) WHERE namespace_id IS NULL;
CREATE UNIQUE INDEX budgets_of_namespace ON budgets (namespace_id) WHERE namespace_id IS NOT NULL;
CREATE INDEX budgets_by_account ON budgets (account_id, id);
