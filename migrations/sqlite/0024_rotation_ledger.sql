-- The newest secret of which the revocation ledger, the file that outlives this database, knows that it replaced one.
ALTER TABLE api_keys ADD COLUMN rotation_noted BIGINT NOT NULL DEFAULT 1;
CREATE INDEX api_keys_rotations_to_note ON api_keys (generation)
    WHERE revoked_ms IS NULL AND generation > rotation_noted;
