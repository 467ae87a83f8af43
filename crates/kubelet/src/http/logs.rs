//! `/containerLogs`: the log of one container as plain text, sent as it comes.
//! Options are those of the kubelet; contradictions and senseless numbers are refused with the field's name.
use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use jiff::Timestamp;

use super::{Api, Problem};
use crate::{ByteStream, LogOptions, LogSince, ProviderError, decide::all_containers, records::View};

type Pairs = Vec<(String, String)>;

/// `GET /containerLogs/{namespace}/{pod}/{container}`
pub(super) async fn logs(
    State(api): State<Api>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
) -> Result<Response, Problem> {
    let (options, limit) = parse(&query)?;
    let view = find(&api, &namespace, &pod, &container)?;
    let uid = view.pod.metadata.uid.clone().unwrap_or_default();
    let log = api.shared.provider.logs(&uid, &container, &options).await.map_err(refused)?;
    let log = match limit {
        Some(limit) => limited(log, limit),
        None => log,
    };
    // The headers go out at once, also for a log that is silent so far.
    let log = stream::once(future::ready(Ok(Bytes::new()))).chain(log);
    let closing = api.shared.shutdown.clone().cancelled_owned();
    let body = Body::from_stream(log.map_err(|error| std::io::Error::other(error.to_string())).take_until(closing));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}

/// The API server passes the text on to kubectl only with 400 and 500.
fn refused(error: ProviderError) -> Problem {
    match error {
        ProviderError::NotFound(detail) | ProviderError::Unsupported(detail) => Problem::bad_request(detail),
        other => other.into(),
    }
}

/// The pod of this node with this name, and this UID if one is given.
pub(super) fn find_pod(api: &Api, namespace: &str, pod: &str, uid: Option<&str>) -> Result<View, Problem> {
    let view = api.shared.records.find(namespace, pod);
    let view = view.ok_or_else(|| Problem::not_found(format!("Pod {namespace}/{pod} is not on this node")))?;
    match uid {
        Some(uid) if view.pod.metadata.uid.as_deref() != Some(uid) => {
            Err(Problem::not_found(format!("Pod {namespace}/{pod} has another UID")))
        }
        _ => Ok(view),
    }
}

/// The pod of this node with this container.
pub(super) fn find(api: &Api, namespace: &str, pod: &str, container: &str) -> Result<View, Problem> {
    let view = find_pod(api, namespace, pod, None)?;
    if !all_containers(&view.pod).any(|one| one.name == container) {
        return Err(Problem::not_found(format!("Pod {namespace}/{pod} has no container {container}")));
    }
    Ok(view)
}

/// The options, and the largest number of bytes.
fn parse(query: &[(String, String)]) -> Result<(LogOptions, Option<u64>), Problem> {
    let mut options = LogOptions::default();
    let mut limit = None;
    for (key, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        match key.as_str() {
            "follow" => options.follow = flag(key, value)?,
            "previous" => options.previous = flag(key, value)?,
            "timestamps" => options.timestamps = flag(key, value)?,
            "tailLines" => options.tail = Some(at_least(key, value, 0)?.unsigned_abs()),
            "limitBytes" => limit = Some(at_least(key, value, 1)?.unsigned_abs()),
            "sinceSeconds" => since(&mut options, LogSince::Seconds(at_least(key, value, 1)?))?,
            "sinceTime" => {
                let time: Timestamp = value.parse().map_err(|_| wrong(key, value, "an RFC 3339 time"))?;
                since(&mut options, LogSince::Time(time))?;
            }
            _ => {}
        }
    }
    Ok((options, limit))
}

fn since(options: &mut LogOptions, since: LogSince) -> Result<(), Problem> {
    match options.since.replace(since) {
        None => Ok(()),
        Some(_) => Err(Problem::bad_request("Give either sinceSeconds or sinceTime, not both")),
    }
}

fn flag(key: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(wrong(key, value, "true or false")),
    }
}

fn at_least(key: &str, value: &str, least: i64) -> Result<i64, Problem> {
    let number = value.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| wrong(key, value, &format!("a whole number of at least {least}")))
}

fn wrong(key: &str, value: &str, wanted: &str) -> Problem {
    Problem::bad_request(format!("{key} must be {wanted}, not {value:?}"))
}

/// Ends the stream with that many bytes: whoever is silent from then on holds up nobody.
fn limited(log: ByteStream, limit: u64) -> ByteStream {
    let cut = stream::unfold((log, limit), |(mut log, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = log.next().await?.map(|mut bytes| {
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            bytes
        });
        let sent = piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Some((piece, (log, left - sent)))
    });
    cut.boxed()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn parsed(query: &[(&str, &str)]) -> Result<(LogOptions, Option<u64>), Problem> {
        let pairs: Pairs = query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        parse(&pairs)
    }

    #[test]
    fn all_options_are_read() {
        let (options, limit) = parsed(&[
            ("follow", "true"),
            ("previous", "false"),
            ("timestamps", "1"),
            ("tailLines", "0"),
            ("limitBytes", "10"),
            ("sinceSeconds", "60"),
        ])
        .unwrap();
        let since = Some(LogSince::Seconds(60));
        assert_eq!(options, LogOptions { follow: true, previous: false, timestamps: true, tail: Some(0), since });
        assert_eq!(limit, Some(10));
    }

    #[test]
    fn senseless_options_are_refused() {
        let both = [("sinceSeconds", "1"), ("sinceTime", "2026-01-01T00:00:00Z")];
        for query in [
            &[("tailLines", "-1")][..],
            &[("limitBytes", "0")],
            &[("sinceSeconds", "0")],
            &[("sinceTime", "yesterday")],
            &[("follow", "maybe")],
            &both,
        ] {
            assert!(parsed(query).is_err(), "{query:?}");
        }
    }

    #[tokio::test]
    async fn the_limit_cuts_in_the_middle_of_a_piece() {
        let pieces = [Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"defg")), Ok(Bytes::from_static(b"h"))];
        let cut: Vec<_> = limited(stream::iter(pieces).boxed(), 5).try_collect().await.unwrap();
        assert_eq!(cut.concat(), b"abcde");
    }

    #[test]
    fn a_followed_log_ends_with_its_limit_and_not_with_the_next_word() {
        let silent = stream::iter([Ok(Bytes::from_static(b"abc"))]).chain(stream::pending());
        let cut: Vec<_> = limited(silent.boxed(), 2).try_collect().now_or_never().unwrap().unwrap();
        assert_eq!(cut.concat(), b"ab");
    }
}
