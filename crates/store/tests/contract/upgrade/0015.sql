-- What schema 15 brought: SkyPilot access of a namespace, and a kubeconfig whose maker is an e-mail.
INSERT INTO skypilot_access (namespace_id, service_account, features, approved, wanted, ticket, applied, changed_ms)
VALUES ('019c1b2e-7f00-7ccc-8def-000000000001', 'sky-sa', 'base', '', TRUE, 1, 1, 1800000000000);
INSERT INTO skypilot_kubeconfigs (id, namespace_id, name, service_account, created_by, created_ms, expires_ms, revoked_ms,
    ended)
VALUES ('019c1b2e-7f00-7555-8def-000000000001', '019c1b2e-7f00-7ccc-8def-000000000001', 'ci', 'sky-sa', 'ada@example.com',
        1800000000000, 1831536000000, NULL, FALSE);
