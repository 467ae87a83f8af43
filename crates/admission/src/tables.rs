//! What the webhook knows: SKUs and namespace policies, kept ready to use.
//!
//! Changed in place on watch events, so a decision never parses, copies or rebuilds a table of 10,000 SKUs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use domain::admission::NamespacePolicy;
use domain::sku::Sku;

/// Objects by name.
#[derive(Debug)]
pub struct Table<V> {
    rows: RwLock<BTreeMap<String, V>>,
    loaded: AtomicBool,
}

/// Both tables.
#[derive(Debug, Default)]
pub struct Tables {
    /// SKUs by code.
    pub skus: Table<Sku>,
    /// Policies of labelled namespaces.
    pub namespaces: Table<NamespacePolicy>,
}

// === impl Table ===

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { rows: RwLock::default(), loaded: AtomicBool::new(false) }
    }
}

impl<V: PartialEq> Table<V> {
    /// The rows, which stay the same while this is held: not longer than one decision, since a change waits for it.
    pub fn rows(&self) -> RwLockReadGuard<'_, BTreeMap<String, V>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the first list is complete.
    pub fn loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Replaces all rows after a list.
    pub fn replace(&self, rows: BTreeMap<String, V>) {
        let before = std::mem::replace(&mut *self.rows.write().unwrap_or_else(PoisonError::into_inner), rows);
        self.loaded.store(true, Ordering::Release);
        // Outside the lock: it takes as long as it has rows.
        drop(before);
    }

    /// Adds, changes or (with `None`) removes one row. An equal row does not hold up decisions.
    pub fn put(&self, name: &str, row: Option<V>) {
        if self.rows().get(name) == row.as_ref() {
            return;
        }
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        match row {
            Some(row) => rows.insert(name.to_owned(), row),
            None => rows.remove(name),
        };
    }
}

// === impl Tables ===

impl Tables {
    /// Whether decisions can be made.
    pub fn ready(&self) -> bool {
        self.skus.loaded() && self.namespaces.loaded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_added_changed_and_removed_in_place() {
        let table: Table<u32> = Table::default();
        assert!(!table.loaded());
        table.replace([("a".to_owned(), 1)].into());
        assert!(table.loaded());
        table.put("a", Some(2));
        table.put("b", Some(3));
        assert_eq!(*table.rows(), [("a".to_owned(), 2), ("b".to_owned(), 3)].into());
        table.put("a", None);
        assert_eq!(table.rows().len(), 1);
    }
}
