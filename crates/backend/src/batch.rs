//! Long answers, batch by batch: each is read while the one before is written. A batch ends before it waits for its
//! reader, so whoever reads slowly holds some rows in memory and never a connection, a statement or a lock.

use domain::{Error, Result};
use futures::stream::{self, BoxStream, StreamExt as _};

/// What `read` gives for each place, from `first` until it names no next one.
///
/// In a task of its own, because a future that nobody polls would keep its connection; and on another core than the
/// writing. A reader who goes away costs the batch that is being read.
pub(crate) fn batches<P, T, F, R>(first: P, read: R) -> BoxStream<'static, Result<T>>
where
    P: Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<(T, Option<P>)>> + Send + 'static,
    R: Fn(P) -> F + Send + 'static,
{
    let reading = Some(tokio::spawn(read(first)));
    let batches = stream::try_unfold((read, reading), |(read, reading)| async move {
        let Some(reading) = reading else { return Ok::<_, Error>(None) };
        let (batch, next) = reading.await.map_err(Error::internal)??;
        let ahead = next.map(|place| tokio::spawn(read(place)));
        Ok(Some((batch, (read, ahead))))
    });
    batches.boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn batches_come_in_order_until_there_is_no_next_place() {
        let read = batches(0, |place: u32| async move { Ok((place, (place < 3).then_some(place + 1))) });
        assert_eq!(read.try_collect::<Vec<_>>().await.unwrap(), [0, 1, 2, 3]);
    }

    /// A reader who stands still leaves no batch half read.
    #[tokio::test]
    async fn a_batch_is_read_to_its_end_although_nobody_asks_for_it() {
        let (done, mut over) = tokio::sync::mpsc::unbounded_channel();
        let mut read = batches(0, move |place: u32| {
            let done = done.clone();
            async move {
                tokio::task::yield_now().await;
                done.send(place).map_err(Error::internal)?;
                Ok((place, Some(place + 1)))
            }
        });
        assert_eq!(over.recv().await, Some(0));
        read.try_next().await.unwrap();
        assert_eq!(over.recv().await, Some(1));
    }

    #[tokio::test]
    async fn no_more_than_one_batch_is_read_ahead() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        let mut read = batches(0, move |place: u32| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Ok((place, Some(place + 1))) }
        });
        for taken in 1..=3 {
            assert_eq!(begun.load(Ordering::SeqCst), taken);
            read.try_next().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_batch_that_cannot_be_read_ends_the_answer_with_its_error() {
        let lost = |place: u32| async move {
            if place == 0 { Ok((0, Some(1))) } else { Err(Error::internal("the database is gone")) }
        };
        let mut read = batches(0, lost);
        assert_eq!(read.try_next().await.unwrap(), Some(0));
        assert!(read.try_next().await.is_err());
        assert!(batches(0, panics).try_next().await.is_err(), "a file that ends early must not look whole");
    }

    async fn panics(place: u32) -> Result<((), Option<u32>)> {
        panic!("while reading {place}")
    }
}
