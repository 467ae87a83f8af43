-- What schema 24 brought: the ledger knows of the key of 0004.sql that its first secret was replaced.
UPDATE api_keys SET rotation_noted = 2 WHERE id = '019c1b2e-7f00-7ddd-8def-000000000003';
