-- Lists of keys, accounts and tenants by name, written as the statements write it, or no database would use them.
-- The order of making needs none: ids begin with the time.
CREATE INDEX IF NOT EXISTS api_keys_by_name ON api_keys (account_id, lower(name), id);
CREATE INDEX IF NOT EXISTS api_keys_of_owner_by_name ON api_keys (owner_id, account_id, lower(name), id);
CREATE INDEX IF NOT EXISTS accounts_by_name ON accounts (lower(name), id);
CREATE INDEX IF NOT EXISTS namespaces_by_label ON namespaces (lower(COALESCE(tenant_label, name)), id);
