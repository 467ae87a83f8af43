-- What schema 20 brought: a SkyPilot kubeconfig whose maker is a user.
INSERT INTO skypilot_kubeconfigs (id, namespace_id, name, service_account, created_by, created_ms, expires_ms, revoked_ms,
    ended, owner_id)
VALUES ('019c1b2e-7f00-7555-8def-000000000002', '019c1b2e-7f00-7ccc-8def-000000000004', 'ci', 'sky-sa',
        'carol@example.com', 1800000000000, 1831536000000, NULL, FALSE, '019c1b2e-7f00-7bbb-8def-000000000003');
