-- The member by whose right a reset link was made, and the role that gave it; NULL for an operator's. Judged whenever
-- the link is looked at: a link ends with its maker's right.
ALTER TABLE password_resets ADD COLUMN maker_account_id TEXT;
ALTER TABLE password_resets ADD COLUMN maker_id TEXT;
ALTER TABLE password_resets ADD COLUMN maker_role TEXT;
