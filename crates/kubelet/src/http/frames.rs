//! Frames of `v4.channel.k8s.io` and `v5.channel.k8s.io`: one channel byte, then data. Pure.
//! Version 5 adds a close frame for one channel, which is how standard input ends before the command does.
use axum::body::Bytes;

use crate::TerminalSize;

pub(super) const V5: &str = "v5.channel.k8s.io";
pub(super) const V4: &str = "v4.channel.k8s.io";

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// What the client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FromClient {
    Stdin(Bytes),
    CloseStdin,
    Resize(TerminalSize),
    /// Empty, of an unknown channel, or unreadable: ignored, as Kubernetes does.
    Nothing,
}

pub(super) fn parse(frame: &Bytes) -> FromClient {
    match frame.split_first() {
        Some((&STDIN, _)) => FromClient::Stdin(frame.slice(1..)),
        Some((&RESIZE, size)) => serde_json::from_slice(size).map_or(FromClient::Nothing, FromClient::Resize),
        Some((&CLOSE, [STDIN, ..])) => FromClient::CloseStdin,
        _ => FromClient::Nothing,
    }
}

pub(super) fn stdout(data: &[u8]) -> Bytes {
    frame(STDOUT, data)
}

pub(super) fn stderr(data: &[u8]) -> Bytes {
    frame(STDERR, data)
}

/// How the command ended, a `Status` object.
pub(super) fn status(json: &[u8]) -> Bytes {
    frame(STATUS, json)
}

/// Data of any channel.
pub(super) fn frame(channel: u8, data: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(data.len() + 1);
    frame.push(channel);
    frame.extend_from_slice(data);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_client_are_told_apart() {
        let parse = |bytes: &'static [u8]| parse(&Bytes::from_static(bytes));
        assert_eq!(parse(b"\x00ls\n"), FromClient::Stdin(Bytes::from_static(b"ls\n")));
        assert_eq!(parse(b"\x00"), FromClient::Stdin(Bytes::new()));
        assert_eq!(parse(b"\xff\x00"), FromClient::CloseStdin);
        let size = TerminalSize { width: 120, height: 40 };
        assert_eq!(parse(b"\x04{\"Width\":120,\"Height\":40}"), FromClient::Resize(size));
        for nothing in [&b""[..], b"\x04{", b"\x09x", b"\xff", b"\xff\x01", b"\x01x"] {
            assert_eq!(parse(nothing), FromClient::Nothing, "{nothing:?}");
        }
    }

    #[test]
    fn output_carries_its_channel() {
        assert_eq!(stdout(b"a"), Bytes::from_static(b"\x01a"));
        assert_eq!(stderr(b""), Bytes::from_static(b"\x02"));
        assert_eq!(status(b"{}"), Bytes::from_static(b"\x03{}"));
    }
}
