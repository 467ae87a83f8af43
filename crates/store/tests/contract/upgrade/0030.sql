-- What schema 30 brought: an account that wants an ecosystem of each engine.
UPDATE accounts SET ecosystem_required = TRUE WHERE id = '019c1b2e-7f00-7aaa-8def-000000000002';
