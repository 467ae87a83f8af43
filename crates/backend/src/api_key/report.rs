//! "What can this key do": the rule itself, asked for every namespace (RULINGS 5 and 52).

use domain::api_key::{KeyReport, TestApiKey};
use domain::page::PageRequest;
use domain::{Error, Result};

use crate::{Backend, Caller};

// A page of the report; the list it is made from pages by 200.
const MOST_NAMESPACES: usize = 1000;

impl Backend {
    /// What a key opens now, right by right and namespace by namespace, and why not. Takes its id, never its secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids, and for a colleague's.
    pub async fn test_api_key(&self, caller: &Caller, test: &TestApiKey) -> Result<KeyReport> {
        let key = self.visible_key(caller, &test.api_key_id).await?;
        let found = self.inner.store.key_access(&key.public_id, None).await?.ok_or(Error::NotFound)?;
        let mut namespaces = Vec::new();
        let mut page = PageRequest { limit: 200, after: None };
        while namespaces.len() < MOST_NAMESPACES {
            let mut rows = self.inner.store.list_namespaces(caller.account.id, &page).await?;
            let more = rows.len() > page.limit as usize;
            rows.truncate(page.limit as usize);
            page.after = rows.last().map(|namespace| namespace.id.to_string());
            namespaces.extend(rows);
            if !more {
                break;
            }
        }
        Ok(KeyReport::of(&found.key, found.owner_role, &namespaces, self.inner.clock.now()))
    }
}
