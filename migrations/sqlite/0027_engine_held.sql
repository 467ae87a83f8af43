-- Something of the engine may run: `remotegpu nodes` says so before it starts the first node, and takes it back once the
-- engine is on its way out and nothing of it is left. Rows of before count as held, and those that an older binary adds.
ALTER TABLE engines ADD COLUMN held BOOLEAN NOT NULL DEFAULT TRUE;
