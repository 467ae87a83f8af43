-- Usage by API key: the key that ordered a pod, as admission wrote it down. None in rows of before and those that an older
-- binary adds; both count as what no key ordered.
ALTER TABLE usage_records ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_records ADD COLUMN key_name TEXT NOT NULL DEFAULT '';

-- The part of a row of usage_days that one key ordered. A table of its own: an older binary adds to that one by its key.
CREATE TABLE usage_key_days (
    account_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    namespace_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    currency TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    seconds BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (account_id, day, namespace_id, member_id, sku, currency, key_id)
);
