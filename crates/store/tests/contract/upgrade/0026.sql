-- What schema 26 brought: a connector whose maker ended before it was written down.
INSERT INTO connector_drafts (service_account, namespace_id, begun_ms)
VALUES ('connector-draft', '019c1b2e-7f00-7ccc-8def-000000000004', 1700000000000);
