-- What schemas 2 to 5 brought: an invitation, a reset link, an identity at a provider, a machine that signs in and one that
-- did. In the columns of that day, for the people of 0001.sql.
INSERT INTO invitations (id, account_id, email, role, token_hash, invited_by, created_ms, expires_ms, accepted_ms,
    revoked_ms)
VALUES ('019c1b2e-7f00-7111-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', 'eve@example.com', 'member',
        'invitation-hash', '019c1b2e-7f00-7bbb-8def-000000000001', 1800000000000, 1800432000000, NULL, NULL);
INSERT INTO password_resets (token_hash, user_id, created_ms, expires_ms)
VALUES ('reset-hash', '019c1b2e-7f00-7bbb-8def-000000000001', 1800000000000, 1800003600000);
INSERT INTO identities (id, user_id, issuer, subject, provider, label, created_ms, last_used_ms)
VALUES ('019c1b2e-7f00-7222-8def-000000000001', '019c1b2e-7f00-7bbb-8def-000000000001', 'https://id.example.com',
        'ada-1', 'corp', 'ada@corp.example.com', 1700000000001, 1700000000002);
INSERT INTO cli_codes (code_hash, challenge, user_id, account_id, name, expires_ms)
VALUES ('code-hash', 'challenge', '019c1b2e-7f00-7bbb-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001',
        'desktop', 1800000060000);
INSERT INTO cli_sessions (id, token_hash, user_id, account_id, name, created_ms, last_seen_ms, idle_expires_ms,
    absolute_expires_ms, revoked_ms, address, user_agent)
VALUES ('019c1b2e-7f00-7333-8def-000000000001', 'token-hash', '019c1b2e-7f00-7bbb-8def-000000000001',
        '019c1b2e-7f00-7aaa-8def-000000000001', 'laptop', 1800000000000, 1800000000000, 1800604800000, 1807776000000,
        NULL, '192.0.2.1', 'kubectl-remotegpu');
