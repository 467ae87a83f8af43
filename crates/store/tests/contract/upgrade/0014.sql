-- What schema 14 brought: a webhook with a secret and the one before it.
INSERT INTO webhooks (id, account_id, name, url, topics, platform, secret, old_secret, old_secret_until_ms, disabled_ms,
    disabled_reason, failing_since_ms, created_ms)
VALUES ('019c1b2e-7f00-7666-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', 'chat',
        'https://hooks.example.com/x', ',budget,engine,', FALSE, 'sealed-2', 'sealed-1', 1800086400000, NULL, NULL, NULL,
        1800000000000);
