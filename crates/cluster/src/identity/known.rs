//! Identities that were confirmed and have not changed since: a new token for one of them costs one call.
//! Two watches forget what somebody changes or deletes, and tell the token cache.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use domain::credential::ACCESS_NAMESPACE;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::Api;
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource};
use tokio_util::sync::CancellationToken;

use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY, NAMESPACE_ID};
use crate::watch::changes::{Changes, lock};
use crate::watch::run;
use crate::watch::tracker::{Mark, Tracker};

/// Confirmed ServiceAccounts by name.
#[derive(Default)]
pub(crate) struct Known {
    uids: Mutex<HashMap<String, String>>,
    changes: Changes<String>,
}

// === impl Known ===

impl Known {
    /// The uid of a confirmed account.
    pub fn uid(&self, name: &str) -> Option<String> {
        lock(&self.uids).get(name).cloned()
    }

    /// Account and binding stand and work.
    pub fn remember(&self, name: &str, uid: &str) {
        lock(&self.uids).insert(name.to_owned(), uid.to_owned());
    }

    /// Look again next time.
    pub fn forget(&self, name: &str) {
        lock(&self.uids).remove(name);
    }

    /// Names of accounts that changed or went, or whose binding did; endless.
    pub fn changes(&self) -> BoxStream<'static, String> {
        self.changes.listen()
    }

    fn changed(&self, names: Vec<String>) {
        for name in &names {
            self.forget(name);
        }
        self.changes.publish(names);
    }

    /// What came and went while a watch was away leaves no trace in it: everything is looked at again.
    fn forget_all(&self) {
        lock(&self.uids).clear();
    }
}

/// Watches the access namespace and the RoleBindings made for its accounts, which bear the same names.
pub(crate) fn watch(issuer: &Client, known: &Arc<Known>, shutdown: &CancellationToken) {
    let config = watcher::Config::default().labels(&format!("{MANAGED_BY}={FIELD_MANAGER},{NAMESPACE_ID}"));
    let accounts: Api<PartialObjectMeta<ServiceAccount>> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    follow("ServiceAccounts of keys", accounts, config.clone(), known, shutdown);
    let bindings: Api<PartialObjectMeta<RoleBinding>> = Api::all(issuer.clone());
    follow("RoleBindings of keys", bindings, config, known, shutdown);
}

fn follow<K>(what: &'static str, api: Api<K>, config: watcher::Config, known: &Arc<Known>, shutdown: &CancellationToken)
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let (known, mut tracker) = (known.clone(), Tracker::default());
    run(what, watcher(api, config), shutdown, move |event| {
        if matches!(event, Event::InitDone) {
            known.forget_all();
        }
        known.changed(tracker.feed(&event, mark));
    });
}

/// These objects are made once and never written again, so any new version is somebody else's.
fn mark(meta: &ObjectMeta) -> Option<Mark<String>> {
    let mut hasher = DefaultHasher::new();
    (&meta.uid, &meta.resource_version).hash(&mut hasher);
    Some((meta.name.clone()?, hasher.finish()))
}
