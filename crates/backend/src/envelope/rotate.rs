//! Which KEK the stored secrets need, and putting all of them under the current one. Resumable: each row is a step of
//! its own, and until the last one the older keys stay in the file.

use domain::Result;
use domain::audit::Action;

use super::{Place, kek_id};
use crate::ports::SealedRow;
use crate::{Backend, Origin};

/// How many stored secrets need a KEK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KekUse {
    /// Which.
    pub id: String,
    /// How many.
    pub secrets: usize,
    /// Whether it is in the file.
    pub known: bool,
}

impl Backend {
    /// Every KEK that a stored secret needs, by id.
    ///
    /// # Errors
    /// [`domain::Error::Unavailable`] without the database.
    pub async fn kek_in_use(&self) -> Result<Vec<KekUse>> {
        let rows = self.inner.store.sealed_rows().await?;
        let mut ids: Vec<String> = rows.iter().map(|row| kek_id(&row.sealed).unwrap_or_default().to_owned()).collect();
        ids.sort_unstable();
        let mut uses: Vec<KekUse> = Vec::new();
        for id in ids {
            match uses.last_mut() {
                Some(last) if last.id == id => last.secrets += 1,
                _ => uses.push(KekUse { known: self.inner.envelope.knows(&id), id, secrets: 1 }),
            }
        }
        Ok(uses)
    }

    /// Puts every stored secret under the current KEK; says how many were under another one. With `dry_run` nothing is
    /// written, but everything is tried.
    ///
    /// # Errors
    /// [`domain::Error::Internal`] for a secret that cannot be opened: those before it are done.
    pub async fn rotate_kek(&self, dry_run: bool) -> Result<usize> {
        let mut changed = 0;
        for row in self.inner.store.sealed_rows().await? {
            let place = Place { table: row.table, row: &row.row, field: row.field };
            let Some(wrapped) = self.inner.envelope.rewrap(self.inner.random.as_ref(), place, &row.sealed)? else {
                continue;
            };
            if !dry_run {
                self.rewrapped(&row, &wrapped).await?;
            }
            changed += 1;
        }
        Ok(changed)
    }

    async fn rewrapped(&self, row: &SealedRow, wrapped: &str) -> Result<()> {
        let target = format!("{}:{}", row.table, row.row);
        let detail = format!("{} is under the key {}", row.field, self.inner.envelope.current_id());
        let audit =
            self.audit_for(&Origin::system(), None, "system".to_owned(), Action::SecretRewrapped, target, detail);
        // False: somebody wrote a new secret meanwhile, which is under the current key.
        self.inner.store.rewrap(row, wrapped, &audit).await.map(drop)
    }
}
