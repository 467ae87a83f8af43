//! What a key opens, in words.

use domain::api_key::{ApiKeyView, KeyStatus};
use domain::credential::Access;
use domain::id::NamespaceId;
use domain::namespace::NamespaceView;
use domain::scope::Scope;

/// `team-ml, read-only`
pub fn in_words(key: &ApiKeyView, namespaces: &[NamespaceView]) -> String {
    let what = match Scope::parse(&key.scopes) {
        Ok(Scope::All) => "Everything".to_owned(),
        Ok(Scope::Inference) => return "Inference only".to_owned(),
        Ok(Scope::AllNamespaces) => "All namespaces".to_owned(),
        Ok(Scope::Namespaces(ids)) => named(&ids, namespaces),
        Err(_) => "Unknown scope".to_owned(),
    };
    if key.access == Access::View { format!("{what}, read-only") } else { what }
}

/// Whether the key lives and opens this namespace.
pub fn reaches(key: &ApiKeyView, namespace_id: &str) -> bool {
    let opens = |id| Scope::parse(&key.scopes).is_ok_and(|scope| scope.opens(id));
    key.status == KeyStatus::Active && NamespaceId::parse(namespace_id).is_ok_and(opens)
}

fn named(ids: &[NamespaceId], namespaces: &[NamespaceView]) -> String {
    let name = |id: &NamespaceId| {
        let id = id.to_string();
        namespaces.iter().find(|n| n.id == id).map_or_else(|| "a deleted namespace".to_owned(), |n| n.name.clone())
    };
    let mut names: Vec<String> = ids.iter().map(name).collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::api_key::ClusterState;
    use serde_json::json;

    fn key(scopes: serde_json::Value, access: Access) -> ApiKeyView {
        ApiKeyView {
            id: String::new(),
            owner_id: String::new(),
            name: "ci".into(),
            prefix: "rgpu_a1b2c3d4".into(),
            scopes,
            access,
            status: KeyStatus::Active,
            generation: 1,
            overlap_ends_at: None,
            expires_soon: false,
            cluster: ClusterState::Settled,
            created_at: String::new(),
            expires_at: None,
            last_used_at: None,
            last_used_ip: None,
        }
    }

    #[test]
    fn scopes_are_said_in_words() {
        let gone = json!({"kubernetes_exec": {"namespace_ids": ["019c1b2e-7f00-7abc-8def-0123456789ab"]}});
        assert_eq!(in_words(&key(json!({"all": true}), Access::Edit), &[]), "Everything");
        assert_eq!(in_words(&key(json!({"inference": true}), Access::View), &[]), "Inference only");
        assert_eq!(in_words(&key(gone, Access::View), &[]), "a deleted namespace, read-only");
    }

    #[test]
    fn a_dead_key_reaches_nothing() {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let mut all = key(json!({"all": true}), Access::Edit);
        assert!(reaches(&all, id));
        all.status = KeyStatus::Revoked;
        assert!(!reaches(&all, id));
    }
}
