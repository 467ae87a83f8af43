-- Written into the revocation ledger, the file that outlives this database.
ALTER TABLE api_keys ADD COLUMN revocation_noted BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX api_keys_to_note ON api_keys (revoked_ms) WHERE revoked_ms IS NOT NULL AND revocation_noted = FALSE;
