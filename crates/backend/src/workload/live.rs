//! Live lists, drawn once for all who look at the same one: a thousand open pages cost one join and one drawing.
//!
//! Source: DESIGN §9 (scale of lists), `security.md` §4.2.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Result;
use domain::id::AccountId;
use domain::permission::Permission;
use domain::workload::{Waits, WorkloadFilter, WorkloadList, WorkloadState};
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::watch::{self, Receiver, Sender};

use super::Viewer;
use crate::{Backend, Caller};

/// Pause between two drawings: below what people notice, and a rollout of thousands of pods makes thousands of changes.
const SETTLE: Duration = Duration::from_millis(200);

/// Which list: the namespace's name in the cluster, and what of it.
type Key = (String, WorkloadFilter);
/// None until it could be drawn once.
type Drawn = Option<Arc<WorkloadList>>;

/// The lists that somebody looks at now.
#[derive(Clone, Default)]
pub(crate) struct LiveLists {
    drawn: Arc<Mutex<HashMap<Key, Sender<Drawn>>>>,
}

/// One list while somebody looks at it. However it ends, who comes next begins anew.
struct Drawing {
    lists: LiveLists,
    key: Key,
    account: AccountId,
    states: BoxStream<'static, Vec<WorkloadState>>,
    interrupted: BoxStream<'static, Option<Timestamp>>,
    /// Told when pods may wait for another reason, while their states stay as they are.
    counted: BoxStream<'static, ()>,
    /// What was drawn last with the reasons why pods wait for a place; none where every pod has one.
    waiting: Option<(Vec<WorkloadState>, Waits)>,
    /// Since when the cluster says nothing.
    stale: Option<Timestamp>,
    sender: Sender<Drawn>,
}

impl Backend {
    /// Everything that runs in a namespace, now and after each change. Who looks at the same list shares it.
    ///
    /// # Errors
    /// `NotFound` for a foreign namespace, `Invalid` for a page that cannot be.
    pub async fn watch_workloads(
        &self,
        caller: &Caller,
        id: &str,
        filter: WorkloadFilter,
    ) -> Result<BoxStream<'static, Arc<WorkloadList>>> {
        filter.check()?;
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let key = (tenant.kubernetes_name.as_str().to_owned(), filter);
        let mut lists = self.inner.lists.lock();
        if let Some(sender) = lists.get(&key) {
            return Ok(told(sender.subscribe()));
        }
        let mut states = self.inner.cluster.watch_workloads(&tenant.kubernetes_name).fuse().boxed();
        // Nobody waits for a list that is known already: the first page shows it at once.
        let first = states.next().now_or_never().flatten();
        let mut interrupted = self.inner.cluster.interrupted().chain(stream::pending()).boxed();
        let stale = interrupted.next().now_or_never().flatten().flatten();
        let (sender, receiver) = watch::channel(None);
        lists.insert(key.clone(), sender.clone());
        // The end of a drawing takes this lock.
        drop(lists);
        let (lists, account) = (self.inner.lists.clone(), tenant.account_id);
        let counted = self.inner.cluster.counted().chain(stream::pending()).boxed();
        let mut drawing = Drawing { lists, key, account, states, interrupted, counted, waiting: None, stale, sender };
        if let Some(all) = first {
            drawing.draw(&self.viewer(account), all);
        }
        tokio::spawn(self.clone().keep_drawing(drawing));
        Ok(told(receiver))
    }

    async fn keep_drawing(self, mut drawing: Drawing) {
        let account = drawing.account;
        loop {
            let states = tokio::select! {
                () = drawing.sender.closed() => None,
                stale = drawing.interrupted.next() => {
                    drawing.stale = stale.flatten();
                    drawing.say_whether_stale();
                    continue;
                }
                // Only who shows a pod without a place is woken for this.
                _ = drawing.counted.next(), if drawing.waiting.is_some() => {
                    let viewer = self.viewer(account);
                    if drawing.draw_other_reasons(&viewer) {
                        tokio::time::sleep(SETTLE).await;
                    }
                    continue;
                }
                states = drawing.states.next() => Some(states),
            };
            match states {
                Some(Some(all)) => {
                    drawing.draw(&self.viewer(account), all);
                    tokio::time::sleep(SETTLE).await;
                }
                Some(None) => return,
                None if drawing.lists.forget_unseen(&drawing.key, &drawing.sender) => return,
                None => {}
            }
        }
    }
}

// === impl Drawing ===

impl Drawing {
    fn draw(&mut self, viewer: &Viewer, all: Vec<WorkloadState>) {
        let mut list = viewer.list(&all, &self.key.1);
        list.stale_since = self.stale.map(|since| since.to_string());
        self.sender.send_replace(Some(Arc::new(list)));
        self.waiting = viewer.reasons(&all).map(|reasons| (all, reasons));
    }

    /// Draws the same again where its pods wait for other reasons than were said; tells whether it did.
    fn draw_other_reasons(&mut self, viewer: &Viewer) -> bool {
        let others = |(all, said): &mut (Vec<WorkloadState>, Waits)| viewer.reasons(all).as_ref() != Some(&*said);
        let outdated = self.waiting.take_if(others);
        let draws = outdated.is_some();
        if let Some((all, _)) = outdated {
            self.draw(viewer, all);
        }
        draws
    }

    /// What was drawn stays, and says since when nothing newer is known.
    fn say_whether_stale(&self) {
        let stale_since = self.stale.map(|since| since.to_string());
        self.sender.send_if_modified(|drawn| {
            let Some(list) = drawn.as_ref().filter(|list| list.stale_since != stale_since) else { return false };
            *drawn = Some(Arc::new(WorkloadList { stale_since, ..(**list).clone() }));
            true
        });
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.lists.forget(&self.key, &self.sender);
    }
}

/// What a list shows now, then each time it was drawn anew; a slow reader gets the newest.
fn told(receiver: Receiver<Drawn>) -> BoxStream<'static, Arc<WorkloadList>> {
    stream::unfold((receiver, true), |(mut receiver, mut first)| async move {
        loop {
            if !std::mem::take(&mut first) {
                receiver.changed().await.ok()?;
            }
            let now = receiver.borrow_and_update().clone();
            if let Some(list) = now {
                return Some((list, (receiver, false)));
            }
        }
    })
    .boxed()
}

// === impl LiveLists ===

impl LiveLists {
    /// A panic elsewhere leaves the map whole: go on with it.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Sender<Drawn>>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only what this one tells: another may be drawn under the key by now.
    fn forget(&self, key: &Key, sender: &Sender<Drawn>) {
        let mut lists = self.lock();
        if lists.get(key).is_some_and(|known| known.same_channel(sender)) {
            lists.remove(key);
        }
    }

    /// Whether nobody looks any more. Who comes while this is decided waits for the lock, and finds it or makes it anew.
    fn forget_unseen(&self, key: &Key, sender: &Sender<Drawn>) -> bool {
        let mut lists = self.lock();
        let unseen = sender.receiver_count() == 0;
        if unseen {
            lists.remove(key);
        }
        unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(total: u32) -> Drawn {
        Some(Arc::new(WorkloadList { items: Vec::new(), next_cursor: None, found: total, total, stale_since: None }))
    }

    #[tokio::test]
    async fn a_list_is_there_at_once_and_a_slow_reader_gets_the_newest() {
        let (sender, receiver) = watch::channel(list(1));
        let mut late = told(sender.subscribe());
        let mut told = told(receiver);
        assert_eq!(told.next().now_or_never().flatten().map(|list| list.total), Some(1));
        assert!(told.next().now_or_never().is_none(), "nothing is told twice");
        for total in 2..=5 {
            sender.send_replace(list(total));
        }
        assert_eq!(told.next().await.map(|list| list.total), Some(5));
        assert_eq!(late.next().await.map(|list| list.total), Some(5));
        drop(sender);
        assert!(told.next().await.is_none(), "the list ended");
    }

    #[tokio::test]
    async fn nothing_is_told_before_it_is_known() {
        let (sender, receiver) = watch::channel(None);
        let mut told = told(receiver);
        assert!(told.next().now_or_never().is_none());
        sender.send_replace(list(0));
        assert_eq!(told.next().await.map(|list| list.total), Some(0));
    }

    #[test]
    fn a_list_is_kept_while_somebody_looks_at_it() {
        let lists = LiveLists::default();
        let key: Key = ("team".to_owned(), WorkloadFilter::default());
        let (sender, receiver) = watch::channel(None);
        lists.lock().insert(key.clone(), sender.clone());
        assert!(!lists.forget_unseen(&key, &sender));
        drop(receiver);
        assert!(lists.forget_unseen(&key, &sender));
        assert!(!lists.lock().contains_key(&key));
    }

    #[tokio::test]
    async fn a_list_whose_drawing_broke_down_ends_and_is_drawn_anew() {
        let lists = LiveLists::default();
        let drawing = || {
            let (sender, receiver) = watch::channel(list(1));
            let key: Key = ("team".to_owned(), WorkloadFilter::default());
            lists.lock().insert(key.clone(), sender.clone());
            let (states, interrupted) = (stream::pending().boxed(), stream::pending().boxed());
            let (lists, account) = (lists.clone(), AccountId::new(uuid::Uuid::nil()));
            let (counted, waiting, stale) = (stream::pending().boxed(), None, None);
            (Drawing { lists, key, account, states, interrupted, counted, waiting, stale, sender }, receiver)
        };
        let (broken, receiver) = drawing();
        let (key, mut told) = (broken.key.clone(), told(receiver));
        assert!(told.next().await.is_some());
        drop(broken);
        assert!(!lists.lock().contains_key(&key));
        assert!(told.next().await.is_none(), "who looks at it connects again");

        let ((late, _), (_new, _)) = (drawing(), drawing());
        drop(late);
        assert!(lists.lock().contains_key(&key), "the new one goes on");
    }
}
