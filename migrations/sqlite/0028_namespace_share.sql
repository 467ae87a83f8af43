-- What a namespace may use of its account's total, as JSON; none has what every namespace of the account may use.
ALTER TABLE namespaces ADD COLUMN share TEXT;
