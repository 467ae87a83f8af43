-- What schema 10 brought: the SKUs that an account may use, chosen by an operator.
UPDATE accounts SET skus = '["cpu-shared-8g"]' WHERE id = '019c1b2e-7f00-7aaa-8def-000000000002';
