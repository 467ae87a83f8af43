//! What a watch knows, reduced to what we need of each object: namespace → name → row.
//! Whole objects would cost many times the memory (10,000 pods are some 100 MB of them).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};

type Rows<T> = HashMap<String, BTreeMap<String, Arc<T>>>;

/// Rows by namespace (`""` for cluster-scoped objects) and name.
pub(crate) struct Table<T> {
    /// None until the first list is complete.
    rows: RwLock<Option<Rows<T>>>,
    /// The list that is being read after a reconnect.
    listing: RwLock<Rows<T>>,
}

// === impl Table ===

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: RwLock::default(), listing: RwLock::default() }
    }
}

impl<T: PartialEq> Table<T> {
    /// Takes an event in and returns the namespaces whose rows may differ now.
    pub fn feed<K: Resource<DynamicType = ()>>(&self, event: &Event<K>, read: impl Fn(&K) -> T) -> BTreeSet<String> {
        match event {
            Event::Init => write(&self.listing).clear(),
            Event::InitApply(object) => {
                insert(&mut write(&self.listing), object, read(object));
            }
            Event::InitDone => return self.replace(),
            Event::Apply(object) => {
                if insert(write(&self.rows).get_or_insert_default(), object, read(object)) {
                    return [namespace(object)].into();
                }
            }
            Event::Delete(object) => {
                remove(write(&self.rows).get_or_insert_default(), object);
                return [namespace(object)].into();
            }
        }
        BTreeSet::new()
    }

    /// Whether the first list is complete.
    pub fn known(&self) -> bool {
        read(&self.rows).is_some()
    }

    /// The rows of a namespace, by name; none until the first list is complete.
    pub fn in_namespace(&self, namespace: &str) -> Option<BTreeMap<String, Arc<T>>> {
        read(&self.rows).as_ref().map(|rows| rows.get(namespace).cloned().unwrap_or_default())
    }

    /// How many rows a namespace has.
    pub fn count(&self, namespace: &str) -> usize {
        read(&self.rows).as_ref().and_then(|rows| rows.get(namespace)).map_or(0, BTreeMap::len)
    }

    /// One row.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        read(&self.rows).as_ref()?.get(namespace)?.get(name).cloned()
    }

    /// Every row; none until the first list is complete.
    pub fn all(&self) -> Option<Vec<(String, Arc<T>)>> {
        let guard = read(&self.rows);
        let rows = guard.as_ref()?;
        Some(rows.values().flatten().map(|(name, row)| (name.clone(), row.clone())).collect())
    }

    /// Shows every row with its namespace; none until the first list is complete.
    pub fn each(&self, mut show: impl FnMut(&str, &T)) {
        let guard = read(&self.rows);
        for (namespace, rows) in guard.iter().flatten() {
            rows.values().for_each(|row| show(namespace, row));
        }
    }

    fn replace(&self) -> BTreeSet<String> {
        let fresh = std::mem::take(&mut *write(&self.listing));
        let mut changed: BTreeSet<String> = fresh.keys().cloned().collect();
        changed.extend(write(&self.rows).replace(fresh).into_iter().flat_map(HashMap::into_keys));
        changed
    }
}

/// Whether the row is new or differs.
fn insert<K: Resource<DynamicType = ()>, T: PartialEq>(rows: &mut Rows<T>, object: &K, row: T) -> bool {
    let names = rows.entry(namespace(object)).or_default();
    let before = names.get(&object.name_any()).is_some_and(|old| **old == row);
    if !before {
        names.insert(object.name_any(), Arc::new(row));
    }
    !before
}

fn remove<K: Resource<DynamicType = ()>, T>(rows: &mut Rows<T>, object: &K) {
    let namespace = namespace(object);
    if let Some(names) = rows.get_mut(&namespace) {
        names.remove(&object.name_any());
        if names.is_empty() {
            rows.remove(&namespace);
        }
    }
}

fn namespace<K: Resource<DynamicType = ()>>(object: &K) -> String {
    object.namespace().unwrap_or_default()
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(namespace: &str, name: &str, value: &str) -> ConfigMap {
        let mut object = ConfigMap { data: Some([("v".into(), value.into())].into()), ..ConfigMap::default() };
        object.metadata.namespace = Some(namespace.into());
        object.metadata.name = Some(name.into());
        object
    }

    fn feed(table: &Table<String>, event: &Event<ConfigMap>) -> Vec<String> {
        let value = |o: &ConfigMap| o.data.as_ref().and_then(|d| d.get("v")).cloned().unwrap_or_default();
        table.feed(event, value).into_iter().collect()
    }

    #[test]
    fn a_new_list_replaces_what_went_during_an_outage() {
        let table = Table::default();
        feed(&table, &Event::Init);
        feed(&table, &Event::InitApply(object("a", "x", "1")));
        assert!(table.all().is_none(), "half a list is not an answer");
        assert_eq!(feed(&table, &Event::InitDone), ["a"]);
        feed(&table, &Event::Init);
        feed(&table, &Event::InitApply(object("b", "y", "1")));
        assert_eq!(table.count("a"), 1, "the old rows stand until the new list is complete");
        assert_eq!(feed(&table, &Event::InitDone), ["a", "b"]);
        assert_eq!((table.count("a"), table.count("b")), (0, 1));
    }

    #[test]
    fn only_a_difference_that_we_keep_is_a_change() {
        let table = Table::default();
        assert_eq!(feed(&table, &Event::Apply(object("a", "x", "1"))), ["a"]);
        assert!(feed(&table, &Event::Apply(object("a", "x", "1"))).is_empty());
        assert_eq!(feed(&table, &Event::Apply(object("a", "x", "2"))), ["a"]);
        assert_eq!(feed(&table, &Event::Delete(object("a", "x", "2"))), ["a"]);
        assert_eq!(table.get("a", "x"), None);
    }
}
