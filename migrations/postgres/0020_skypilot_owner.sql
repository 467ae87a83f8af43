-- Who made a SkyPilot kubeconfig: it ends when this member may not deploy any more. NULL in rows of older binaries, whose
-- maker is the user with the e-mail in `created_by`: no e-mail ever changes.
ALTER TABLE skypilot_kubeconfigs ADD COLUMN owner_id TEXT COLLATE "C" REFERENCES users (id);
