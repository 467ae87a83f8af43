//! Remembers one fingerprint per object and says whose objects changed or went, also across a lost connection.

use std::collections::HashMap;

use kube::core::ObjectMeta;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};

/// What to remember of an object: to whom it belongs, and what must not change.
pub(crate) type Mark<K> = (K, u64);

/// Fingerprints by (namespace, name).
pub(crate) struct Tracker<K> {
    seen: HashMap<(String, String), Mark<K>>,
    listing: HashMap<(String, String), Mark<K>>,
}

// === impl Tracker ===

impl<K> Default for Tracker<K> {
    fn default() -> Self {
        Self { seen: HashMap::new(), listing: HashMap::new() }
    }
}

impl<K: Clone + PartialEq> Tracker<K> {
    /// Takes an event in and returns the owners of objects that changed or went. An object seen for the first time is
    /// no change. `mark` returns none for objects that belong to nobody.
    pub fn feed<T: Resource>(&mut self, event: &Event<T>, mark: impl Fn(&ObjectMeta) -> Option<Mark<K>>) -> Vec<K> {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(object) => {
                self.listing.extend(mark(object.meta()).map(|mark| (id(object), mark)));
            }
            Event::InitDone => return self.replace(),
            Event::Apply(object) => {
                let (id, new) = (id(object), mark(object.meta()));
                let old = self.seen.remove(&id);
                self.seen.extend(new.clone().map(|mark| (id, mark)));
                return old.filter(|old| new.as_ref() != Some(old)).map(|(owner, _)| owner).into_iter().collect();
            }
            Event::Delete(object) => {
                return self.seen.remove(&id(object)).map(|(owner, _)| owner).into_iter().collect();
            }
        }
        Vec::new()
    }

    fn replace(&mut self) -> Vec<K> {
        let old = std::mem::replace(&mut self.seen, std::mem::take(&mut self.listing));
        let differs = |(id, mark): ((String, String), Mark<K>)| (self.seen.get(&id) != Some(&mark)).then_some(mark.0);
        old.into_iter().filter_map(differs).collect()
    }
}

fn id<T: Resource>(object: &T) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str, version: &str) -> ConfigMap {
        let metadata =
            ObjectMeta { name: Some(name.into()), resource_version: Some(version.into()), ..ObjectMeta::default() };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn mark(meta: &ObjectMeta) -> Option<Mark<String>> {
        Some((meta.name.clone()?, meta.resource_version.as_deref()?.parse().ok()?))
    }

    #[test]
    fn new_objects_are_quiet_changed_and_gone_ones_are_not() {
        let mut tracker = Tracker::default();
        assert!(tracker.feed(&Event::Apply(object("a", "1")), mark).is_empty());
        assert!(tracker.feed(&Event::Apply(object("a", "1")), mark).is_empty());
        assert_eq!(tracker.feed(&Event::Apply(object("a", "2")), mark), ["a"]);
        assert_eq!(tracker.feed(&Event::Delete(object("a", "2")), mark), ["a"]);
        assert!(tracker.feed(&Event::Delete(object("a", "2")), mark).is_empty());
    }

    #[test]
    fn what_went_while_the_connection_was_down_is_reported() {
        let mut tracker = Tracker::default();
        for name in ["kept", "changed", "gone"] {
            tracker.feed(&Event::Apply(object(name, "1")), mark);
        }
        tracker.feed::<ConfigMap>(&Event::Init, mark);
        for (name, version) in [("kept", "1"), ("changed", "2"), ("new", "1")] {
            tracker.feed(&Event::InitApply(object(name, version)), mark);
        }
        let mut reported = tracker.feed::<ConfigMap>(&Event::InitDone, mark);
        reported.sort();
        assert_eq!(reported, ["changed", "gone"]);
    }
}
