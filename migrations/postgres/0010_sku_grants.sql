-- Which SKUs an account may use: JSON list of codes; NULL is every SKU.
ALTER TABLE accounts ADD COLUMN skus TEXT;
