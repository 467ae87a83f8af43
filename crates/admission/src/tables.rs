//! What the webhook knows: SKUs and namespace policies, kept ready to use.
//!
//! Changed in place on watch events, so a decision never parses, copies or rebuilds a table of 10,000 SKUs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::admission::NamespacePolicy;
use domain::sku::Sku;

/// Objects by name.
#[derive(Debug)]
pub struct Table<V> {
    rows: RwLock<Arc<BTreeMap<String, V>>>,
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

impl<V: Clone + PartialEq> Table<V> {
    /// The rows as of now; cheap, and stays the same while it is held.
    pub fn rows(&self) -> Arc<BTreeMap<String, V>> {
        Arc::clone(&self.rows.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the first list is complete.
    pub fn loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Replaces all rows after a list.
    pub fn replace(&self, rows: BTreeMap<String, V>) {
        *self.rows.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rows);
        self.loaded.store(true, Ordering::Release);
    }

    /// Adds, changes or (with `None`) removes one row. Equal rows cost no write.
    pub fn put(&self, name: &str, row: Option<V>) {
        if self.rows().get(name) == row.as_ref() {
            return;
        }
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        // Copies only while a decision holds the old rows.
        let rows = Arc::make_mut(&mut rows);
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
    fn a_decision_keeps_the_rows_it_started_with() {
        let table: Table<u32> = Table::default();
        assert!(!table.loaded());
        table.replace([("a".to_owned(), 1)].into());
        let before = table.rows();
        table.put("a", Some(2));
        table.put("b", Some(3));
        assert_eq!((before.get("a"), table.rows().get("a")), (Some(&1), Some(&2)));
        table.put("a", None);
        assert_eq!(table.rows().len(), 1);
        assert!(table.loaded());
    }
}
