//! Shares of namespaces in SQL. Whoever gives one out holds the account, so that two never give out the same rest.

use domain::account::{Quota, Share};
use domain::{Error, Result};

use crate::account;

/// Inside `change!`, while the account is held: its limits, and the shares of its namespaces but `$but`. Those of an
/// account without a total are not read: it may have any number, and nobody asks.
macro_rules! shares {
    ($tx:ident, $account:expr, $but:expr) => {{
        let quota: Option<String> = sqlx::query_scalar("SELECT quota FROM accounts WHERE id = $1")
            .bind($account.to_string())
            .fetch_one(&mut *$tx)
            .await?;
        let others: Vec<Option<String>> = match $crate::share::has_total(quota.as_deref()) {
            false => Vec::new(),
            true => {
                sqlx::query_scalar("SELECT share FROM namespaces WHERE account_id = $1 AND id <> $2")
                    .bind($account.to_string())
                    .bind($but.to_string())
                    .fetch_all(&mut *$tx)
                    .await?
            }
        };
        $crate::share::all(quota.as_deref(), &others)
    }};
}
pub(crate) use shares;

/// A share as stored; none limits nothing.
pub(crate) fn read(stored: Option<&str>) -> Result<Share> {
    stored.map_or_else(|| Ok(Share::default()), |json| serde_json::from_str(json).map_err(Error::internal))
}

/// A share to store.
pub(crate) fn write(share: &Share) -> Result<Option<String>> {
    (!share.is_empty()).then(|| serde_json::to_string(share).map_err(Error::internal)).transpose()
}

/// Whether it matters what shares there are. What cannot be read is told by [`all`].
pub(crate) fn has_total(quota: Option<&str>) -> bool {
    account::quota(quota).is_ok_and(|quota| !quota.total.is_empty())
}

/// The account's limits and the shares, read.
pub(crate) fn all(quota: Option<&str>, shares: &[Option<String>]) -> Result<(Quota, Vec<Share>)> {
    let shares = shares.iter().map(|share| read(share.as_deref())).collect::<Result<_>>()?;
    Ok((account::quota(quota)?, shares))
}

/// Inside `change!`: writes a new share if `$from` still has its own, and marks the namespace as to be applied anew;
/// false when it has not or is being deleted, or, with the reason in `$refused`, when less is left of the total.
macro_rules! set {
    ($tx:ident, $from:expr, $to:expr, $json:expr, $outdated:expr, $refused:ident) => {{
        $crate::account::hold_account!($tx, $from.account_id);
        let stored: Option<Option<String>> =
            sqlx::query_scalar("SELECT share FROM namespaces WHERE id = $1 AND status <> 'deleting'")
                .bind($from.id.to_string())
                .fetch_optional(&mut *$tx)
                .await?;
        let as_seen =
            stored.is_some_and(|stored| $crate::share::read(stored.as_deref()).is_ok_and(|s| s == $from.share));
        if as_seen {
            let beside = $crate::share::shares!($tx, $from.account_id, $from.id);
            $refused = beside.and_then(|(quota, others)| quota.room_for_share(&$to, &others)).err();
        }
        let writes = as_seen && $refused.is_none();
        if writes {
            // A mark that stands is moved: work that began before must not fulfil it.
            sqlx::query("UPDATE namespaces SET share = $2, outdated_ms = COALESCE(outdated_ms + 1, $3) WHERE id = $1")
                .bind($from.id.to_string())
                .bind($json.as_deref())
                .bind(ms($outdated))
                .execute(&mut *$tx)
                .await?;
        }
        writes
    }};
}
pub(crate) use set;
