-- The SKU of pods that name none: what admission reads as `remotegpu.ai/default-sku`. NULL is none.
ALTER TABLE namespaces ADD COLUMN default_sku TEXT;
