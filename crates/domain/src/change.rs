//! What the body of a PATCH says of one field: nothing (it stays), a value, or `null`. A plain `Option` reads `null` as
//! nothing; a client that sends it wants something, so it clears what can be clear and is refused elsewhere.
//!
//! Used as `#[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]`.

use serde::{Deserialize, Deserializer};

/// None only for a field that is absent. `null` is left to `T`: most types refuse it, an `Option` is none by it.
///
/// # Errors
/// What `T` says.
pub fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// The same for a field whose empty value says that there is none: `null` is that value.
///
/// # Errors
/// What `T` says.
pub fn sent_or_empty<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    Option::<T>::deserialize(field).map(|value| Some(value.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::account::{AccountChange, QuotaChange, ShareChange};
    use crate::api_key::ApiKeyChanges;
    use crate::config_map::ConfigMapChange;
    use crate::engine::view::ChangeEngine;
    use crate::namespace::ChangeNamespace;
    use crate::platform_account::ChangeAccount;
    use crate::platform_sku::ChangeSku;
    use crate::secret::SecretChange;
    use crate::workload::WorkloadChange;

    fn takes<T: DeserializeOwned>(body: Value) -> bool {
        serde_json::from_value::<T>(body).is_ok()
    }

    fn refuses_null<T: DeserializeOwned>(fields: &[&str]) {
        assert!(takes::<T>(json!({})), "what is absent stays");
        for field in fields {
            assert!(!takes::<T>(json!({ *field: null })), "{field}");
        }
    }

    #[test]
    fn null_is_refused_where_there_is_nothing_to_clear() {
        refuses_null::<ApiKeyChanges>(&["name", "disabled", "access"]);
        refuses_null::<WorkloadChange>(&["replicas", "image", "env", "container", "suspended"]);
        refuses_null::<ChangeSku>(&["title", "gpu", "resources", "price", "placement", "retired"]);
        refuses_null::<ChangeEngine>(&["name", "load_balancer_ip"]);
        refuses_null::<AccountChange>(&["name", "ecosystem_required"]);
        refuses_null::<ChangeAccount>(&["suspended", "quota"]);
        refuses_null::<QuotaChange>(&["namespaces", "members", "api_keys", "cpu", "memory_gib", "gpus", "pods"]);
        refuses_null::<QuotaChange>(&["gpu_classes", "total"]);
        refuses_null::<ChangeNamespace>(&["name", "share"]);
        refuses_null::<ShareChange>(&["gpu_classes"]);
        refuses_null::<SecretChange>(&["values", "registry"]);
        refuses_null::<ConfigMapChange>(&["data"]);
    }

    #[test]
    fn null_clears_what_can_be_clear() {
        let key: ApiKeyChanges = serde_json::from_value(json!({"expires_at": null})).unwrap();
        assert_eq!(key.expires_at, Some(None));
        let engine: ChangeEngine = serde_json::from_value(json!({"ecosystem": null, "ca_data": null})).unwrap();
        assert_eq!((engine.ecosystem.as_deref(), engine.ca_data.as_deref()), (Some(""), Some("")));
        let quota: QuotaChange = serde_json::from_value(json!({"gpu_classes": {"h100": null}})).unwrap();
        assert_eq!(quota.gpu_classes.unwrap()["h100"], None);
    }

    #[test]
    fn the_scope_of_a_key_is_never_nothing() {
        let key: ApiKeyChanges = serde_json::from_value(json!({"scopes": null})).unwrap();
        assert_eq!(key.scopes, Some(Value::Null), "the rule of scopes refuses it and names the field");
    }

    #[test]
    fn what_a_change_leaves_out_is_not_written_as_null() {
        assert_eq!(serde_json::to_value(QuotaChange::default()).unwrap(), json!({}));
        assert_eq!(serde_json::to_value(ChangeEngine::default()).unwrap(), json!({}));
    }
}
