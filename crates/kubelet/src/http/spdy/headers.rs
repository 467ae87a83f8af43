//! Header blocks of SPDY/3: name and value pairs, one zlib stream for the life of a connection.
//! Incoming blocks refer to the dictionary and to each other; ours are stored uncompressed, which every reader accepts.
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress,
        inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32},
    },
};

use super::dictionary::DICTIONARY;

/// Window of deflate; also the ring that the decompressor writes into.
const WINDOW: usize = 32_768;
/// Decompressed size of one block: a URL of 64 KiB does not travel here, only stream types and ports.
const LARGEST: usize = 16 << 10;
/// zlib's own header, and the checksum of the dictionary if the header announces one.
const ZLIB_HEADER: usize = 2;
const ANNOUNCES_DICTIONARY: u8 = 0x20;
const CHECKSUM: usize = 4;

/// An empty stored block of deflate.
const FLUSH: &[u8] = &[0x00, 0x00, 0x00, 0xff, 0xff];

/// Names in lower case, with their values.
pub(super) type Headers = Vec<(String, String)>;

/// Reads the blocks of one connection, in order.
pub(super) struct Reader {
    inflate: Box<DecompressorOxide>,
    ring: Box<[u8]>,
    at: usize,
    begun: bool,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new() -> Self {
        // As if the dictionary had just been sent.
        let mut ring = vec![0; WINDOW].into_boxed_slice();
        ring[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
        Self { inflate: Box::default(), ring, at: DICTIONARY.len(), begun: false }
    }

    /// `None` if the block cannot be understood: the connection is of no more use.
    pub(super) fn read(&mut self, mut block: &[u8]) -> Option<Headers> {
        if !self.begun {
            let flags = *block.get(1)?;
            let skipped = ZLIB_HEADER + if flags & ANNOUNCES_DICTIONARY == 0 { 0 } else { CHECKSUM };
            block = block.get(skipped..)?;
            self.begun = true;
        }
        parse(&self.inflate(block)?)
    }

    fn inflate(&mut self, mut block: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        loop {
            let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_IGNORE_ADLER32;
            let (status, read, written) = decompress(&mut self.inflate, block, &mut self.ring, self.at, flags);
            plain.extend_from_slice(&self.ring[self.at..self.at + written]);
            block = &block[read..];
            self.at = (self.at + written) % WINDOW;
            match status {
                _ if plain.len() > LARGEST => return None,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if block.is_empty() => return Some(plain),
                _ => return None,
            }
        }
    }
}

fn parse(mut block: &[u8]) -> Option<Headers> {
    let count = number(&mut block)?;
    let mut headers = Headers::new();
    for _ in 0..count {
        let name = text(&mut block)?.to_ascii_lowercase();
        headers.push((name, text(&mut block)?));
    }
    Some(headers)
}

fn number(block: &mut &[u8]) -> Option<u32> {
    let (four, rest) = block.split_first_chunk::<4>()?;
    *block = rest;
    Some(u32::from_be_bytes(*four))
}

fn text(block: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(number(block)?).ok()?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    String::from_utf8(text.to_vec()).ok()
}

/// A block without headers; `first` opens the zlib stream.
pub(super) fn empty(first: bool) -> Vec<u8> {
    // zlib header, then one stored block of deflate: not the last, four bytes, which are the number 0. The empty block
    // behind it is the flush: Go's reader, which is every client's, hands out nothing before it.
    let opening: &[u8] = if first { &[0x78, 0x01] } else { &[] };
    [opening, &[0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0], FLUSH].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks as zlib itself compresses them, with the dictionary and one stream for both.
    const RECORDED: [&str; 2] = [
        "78f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45e01c6061606100a4398b20d198094ade8c0600000000ffff",
        "c2aa19540e2512d60b000000ffff",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    fn pairs(kind: &str) -> Headers {
        [("streamtype", kind), ("port", "8080"), ("requestid", "0")].map(|(a, b)| (a.into(), b.into())).into()
    }

    #[test]
    fn blocks_that_refer_to_the_dictionary_and_to_each_other_are_read() {
        let mut reader = Reader::new();
        assert_eq!(reader.read(&bytes(RECORDED[0])), Some(pairs("error")));
        assert_eq!(reader.read(&bytes(RECORDED[1])), Some(pairs("data")));
    }

    #[test]
    fn an_empty_block_of_ours_is_read_back() {
        let mut reader = Reader::new();
        assert_eq!(reader.read(&empty(true)), Some(Headers::new()));
        assert_eq!(reader.read(&empty(false)), Some(Headers::new()));
        assert!(empty(true).ends_with(FLUSH), "a block without its flush hangs every client written in Go");
    }

    #[test]
    fn a_broken_or_swollen_block_ends_the_connection() {
        assert_eq!(Reader::new().read(b""), None);
        assert_eq!(Reader::new().read(b"\x78\x01\xff\xff\xff\xff"), None);
        // Forty thousand zeros, stored.
        let mut swollen = vec![0x78, 0x01, 0x00, 0x40, 0x9c, 0xbf, 0x63];
        swollen.resize(swollen.len() + 40_000, 0);
        assert_eq!(Reader::new().read(&swollen), None);
        assert_eq!(parse(&[0, 0, 0, 9]), None);
    }
}
