-- What schema 3 brought: a session with a name and a provider that vouched for it, a reset link, an identity at a provider.
INSERT INTO sessions (id_hash, user_id, data, created_ms, last_seen_ms, idle_expires_ms, absolute_expires_ms, address,
    user_agent, account_id, support, id, authenticated_ms, provider, provider_sid)
VALUES ('3333333333333333333333333333333333333333333333333333333333333333', '019c1b2e-7f00-7bbb-8def-000000000001', '{}',
        1800000000000, 1800000000000, 1800028800000, 1800604800000, '192.0.2.1', 'Firefox', NULL, FALSE,
        '019c1b2e-7f00-7888-8def-000000000001', 1800000060000, 'corp', 'sid-1');
INSERT INTO password_resets (token_hash, user_id, created_ms, expires_ms)
VALUES ('reset-hash', '019c1b2e-7f00-7bbb-8def-000000000001', 1800000000000, 1800003600000);
INSERT INTO identities (id, user_id, issuer, subject, provider, label, created_ms, last_used_ms)
VALUES ('019c1b2e-7f00-7222-8def-000000000001', '019c1b2e-7f00-7bbb-8def-000000000001', 'https://id.example.com',
        'ada-1', 'corp', 'ada@corp.example.com', 1700000000001, 1700000000002);
