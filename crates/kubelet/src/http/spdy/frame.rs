//! Frames of SPDY/3.1 as Kubernetes' clients use them: pure reading and writing.
//! Flow control is not used: neither do they.
use super::headers;

/// Bytes before every frame's payload.
pub(super) const HEAD: usize = 8;
/// Largest payload taken; kubectl sends 32 KiB.
pub(super) const LARGEST: usize = 4 << 20;

const VERSION: u16 = 3;
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;

const FIN: u8 = 1;

/// What stands before a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) fin: bool,
    pub(super) length: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data(u32),
    NewStream,
    Reset,
    Ping,
    GoAway,
    /// Settings, windows, late headers: of no meaning here.
    Other,
    /// Another version of the protocol, or none.
    Foreign,
}

pub(super) fn head(bytes: &[u8; HEAD]) -> Head {
    let [a, b, c, d, flags, l1, l2, l3] = *bytes;
    let kind = if a & 0x80 == 0 {
        Kind::Data(u32::from_be_bytes([a, b, c, d]))
    } else if u16::from_be_bytes([a & 0x7f, b]) != VERSION {
        Kind::Foreign
    } else {
        match u16::from_be_bytes([c, d]) {
            SYN_STREAM => Kind::NewStream,
            RST_STREAM => Kind::Reset,
            PING => Kind::Ping,
            GOAWAY => Kind::GoAway,
            _ => Kind::Other,
        }
    };
    let length = usize::from(l1) << 16 | usize::from(l2) << 8 | usize::from(l3);
    Head { kind, fin: flags & FIN != 0, length }
}

/// The id at the start of the payload of a new stream or a reset.
pub(super) fn stream_id(payload: &[u8]) -> Option<u32> {
    payload.first_chunk::<4>().map(|four| u32::from_be_bytes(*four) & 0x7fff_ffff)
}

/// The header block of a new stream: after its id, the id it belongs to, priority and slot.
pub(super) fn header_block(payload: &[u8]) -> Option<&[u8]> {
    payload.get(10..)
}

pub(super) fn data(id: u32, payload: &[u8], fin: bool) -> Vec<u8> {
    frame(id.to_be_bytes(), fin, payload)
}

/// Accepts a stream; `first` on a connection opens its stream of header blocks.
pub(super) fn reply(id: u32, first: bool) -> Vec<u8> {
    control(SYN_REPLY, &[&id.to_be_bytes()[..], &headers::empty(first)].concat())
}

pub(super) fn ping(payload: &[u8]) -> Vec<u8> {
    control(PING, payload)
}

pub(super) fn go_away(last: u32) -> Vec<u8> {
    control(GOAWAY, &[last.to_be_bytes(), [0; 4]].concat())
}

fn control(kind: u16, payload: &[u8]) -> Vec<u8> {
    let [a, b] = (0x8000 | VERSION).to_be_bytes();
    let [c, d] = kind.to_be_bytes();
    frame([a, b, c, d], false, payload)
}

fn frame(first: [u8; 4], fin: bool, payload: &[u8]) -> Vec<u8> {
    // Callers cut what they send into pieces far below 16 MiB.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&first);
    frame.push(if fin { FIN } else { 0 });
    frame.extend_from_slice(&length[1..]);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frame: &[u8]) -> Head {
        head(frame.first_chunk().unwrap())
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(read(&data(5, b"abc", true)), Head { kind: Kind::Data(5), fin: true, length: 3 });
        assert_eq!(read(&ping(&[0, 0, 0, 1])), Head { kind: Kind::Ping, fin: false, length: 4 });
        assert_eq!(read(&go_away(7)), Head { kind: Kind::GoAway, fin: false, length: 8 });
        assert_eq!(&data(5, b"abc", false)[HEAD..], b"abc");
    }

    #[test]
    fn a_new_stream_shows_its_id_and_its_headers() {
        let syn = [0x80, 3, 0, 1, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 9];
        assert_eq!(read(&syn).kind, Kind::NewStream);
        assert_eq!((stream_id(&syn[HEAD..]), header_block(&syn[HEAD..])), (Some(1), Some(&[9, 9][..])));
        assert_eq!(header_block(&[0; 9]), None);
    }

    #[test]
    fn another_version_is_told_apart() {
        assert_eq!(read(&[0x80, 2, 0, 1, 0, 0, 0, 0]).kind, Kind::Foreign);
        assert_eq!(read(b"\x80\x03\x00\x04\x00\x00\x00\x00").kind, Kind::Other);
    }
}
