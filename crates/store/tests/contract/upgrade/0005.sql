-- What schema 5 brought: a machine that signs in and one that did.
INSERT INTO cli_codes (code_hash, challenge, user_id, account_id, name, expires_ms)
VALUES ('code-hash', 'challenge', '019c1b2e-7f00-7bbb-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001',
        'desktop', 1800000060000);
INSERT INTO cli_sessions (id, token_hash, user_id, account_id, name, created_ms, last_seen_ms, idle_expires_ms,
    absolute_expires_ms, revoked_ms, address, user_agent)
VALUES ('019c1b2e-7f00-7333-8def-000000000001', 'token-hash', '019c1b2e-7f00-7bbb-8def-000000000001',
        '019c1b2e-7f00-7aaa-8def-000000000001', 'laptop', 1800000000000, 1800000000000, 1800604800000, 1807776000000,
        NULL, '192.0.2.1', 'kubectl-remotegpu');
