-- What schema 27 brought: nothing of the platform's engine runs.
UPDATE engines SET held = FALSE WHERE id = '019c1b2e-7f00-7999-8def-000000000002';
