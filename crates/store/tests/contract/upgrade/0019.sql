-- What schema 19 brought: the SKU of pods that name none.
UPDATE namespaces SET default_sku = 'cpu-shared-8g' WHERE id = '019c1b2e-7f00-7ccc-8def-000000000004';
