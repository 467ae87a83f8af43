//! Places in the API document where lists that are empty lead to: how a program makes the first one.

/// A key is made.
pub const API_KEYS: &str = "/docs/api#create_api_key";
/// A budget is set.
pub const BUDGETS: &str = "/docs/api#create_budget";
/// A ConfigMap is made.
pub const CONFIG_MAPS: &str = "/docs/api#create_config_map";
/// An engine is imported.
pub const ENGINES: &str = "/docs/api#create_engine";
/// A namespace is made.
pub const NAMESPACES: &str = "/docs/api#create_namespace";
/// A secret is made.
pub const SECRETS: &str = "/docs/api#create_secret";
/// A port is exposed.
pub const SERVICES: &str = "/docs/api#create_service";
/// A SKU is put on sale.
pub const SKUS: &str = "/docs/api#create_platform_sku";
/// A webhook is made.
pub const WEBHOOKS: &str = "/docs/api#create_webhook";
/// A workload is made.
pub const WORKLOADS: &str = "/docs/api#create_workload";

/// All of them.
pub const ALL: [&str; 10] =
    [API_KEYS, BUDGETS, CONFIG_MAPS, ENGINES, NAMESPACES, SECRETS, SERVICES, SKUS, WEBHOOKS, WORKLOADS];
