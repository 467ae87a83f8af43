-- What schema 31 brought: a reset link that an owner made for a member.
INSERT INTO password_resets (token_hash, user_id, created_ms, expires_ms, maker_account_id, maker_id, maker_role)
VALUES ('made-hash', '019c1b2e-7f00-7bbb-8def-000000000003', 1800000000000, 1800003600000,
        '019c1b2e-7f00-7aaa-8def-000000000002', '019c1b2e-7f00-7bbb-8def-000000000001', 'owner');
