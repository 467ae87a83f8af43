-- Whether engines of the account must be imported with an ecosystem (RULINGS 31).
ALTER TABLE accounts ADD COLUMN ecosystem_required BOOLEAN NOT NULL DEFAULT FALSE;
