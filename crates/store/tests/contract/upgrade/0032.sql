-- What schema 32 brought: a Deployment of which webhooks were told.
INSERT INTO told_deployments (uid, account_id, namespace_id, name, generation, replicas, available, failed)
VALUES ('019c1b2e-7f00-7444-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7ccc-8def-000000000004', 'llama', 3, 2, TRUE, FALSE);
