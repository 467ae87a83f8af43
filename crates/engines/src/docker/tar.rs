//! Just enough of tar to put a few files into a container, and take one out: folders, files, symbolic links, names of any
//! length. Pure. The format is POSIX ustar, with the long names and large numbers of GNU.

const BLOCK: usize = 512;
/// Names up to here stand in the header itself.
const NAME: usize = 100;

/// An archive being written.
#[derive(Default)]
pub(super) struct Tar {
    bytes: Vec<u8>,
    /// Group of all entries.
    group: u64,
}

// === impl Tar ===

impl Tar {
    pub(super) fn of_group(group: u64) -> Self {
        Self { bytes: Vec::new(), group }
    }

    pub(super) fn folder(&mut self, path: &str) {
        self.entry(path, b'5', 0o755, "", &[]);
    }

    /// One that everybody may write to. What is made in it belongs to the group, if there is one, whoever makes it.
    pub(super) fn open_folder(&mut self, path: &str) {
        let mode = if self.group == 0 { 0o777 } else { 0o2777 };
        self.entry(path, b'5', mode, "", &[]);
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(path, b'0', mode, "", content);
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.entry(path, b'2', 0o777, target, &[]);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 2 * BLOCK]);
        self.bytes
    }

    fn entry(&mut self, path: &str, kind: u8, mode: u32, target: &str, content: &[u8]) {
        for (text, long) in [(path, b'L'), (target, b'K')] {
            if text.len() > NAME {
                let name = [text.as_bytes(), &[0]].concat();
                self.header("././@LongLink", long, 0, "", name.len());
                self.data(&name);
            }
        }
        self.header(path, kind, mode, target, content.len());
        self.data(content);
    }

    fn header(&mut self, path: &str, kind: u8, mode: u32, target: &str, size: usize) {
        let mut header = [0_u8; BLOCK];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, cut(path));
        put(100, format!("{mode:07o}").as_bytes());
        put(108, format!("{:07o}", 0).as_bytes());
        put(116, &number(self.group));
        put(124, format!("{size:011o}").as_bytes());
        put(136, format!("{:011o}", 0).as_bytes());
        put(148, b"        ");
        put(156, &[kind]);
        put(157, cut(target));
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&header);
    }

    fn data(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

/// Seven octal digits, or what GNU writes for numbers that need more of them: a sign, and the number itself.
fn number(number: u64) -> [u8; 8] {
    let mut field = number.to_be_bytes();
    if number <= 0o7_777_777 {
        field = [0; 8];
        field[..7].copy_from_slice(format!("{number:07o}").as_bytes());
    } else {
        field[0] = 0x80;
    }
    field
}

/// The content of the first file of an archive; `None` if something else comes first, or not all of it is there.
pub(super) fn first_file(mut archive: &[u8]) -> Option<&[u8]> {
    loop {
        let (header, rest) = archive.split_at_checked(BLOCK)?;
        let size = std::str::from_utf8(&header[124..136]).ok()?;
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
        match header[156] {
            b'0' | 0 => return rest.get(..size),
            // What is said of the entry after it: a long name, exact times.
            b'x' | b'g' | b'L' | b'K' => archive = rest.get(size.next_multiple_of(BLOCK)..)?,
            _ => return None,
        }
    }
}

fn cut(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    &bytes[..bytes.len().min(NAME)]
}

#[cfg(test)]
mod tests {
    use std::{io::Write, process::Stdio};

    use super::*;

    #[test]
    fn the_tar_of_this_machine_reads_it() {
        let long = "n".repeat(200);
        // A number that ordinary headers have no room for; whole clusters give their groups such ones.
        let mut tar = Tar::of_group(1_000_680_000);
        tar.folder("..1");
        tar.open_folder("work");
        tar.file("..1/a", 0o400, b"hello");
        tar.file(&format!("..1/{long}"), 0o644, &[7; 600]);
        tar.link("..data", "..1");
        let mut command = std::process::Command::new("tar");
        let command = command.args(["-tvf", "-", "--numeric-owner"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&tar.finish()).unwrap();
        let output = child.wait_with_output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = list.lines().collect();
        assert!(output.status.success() && lines.len() == 5, "{list}");
        assert!(lines[0].starts_with("drwxr-xr-x 0/1000680000"), "{list}");
        assert!(lines[1].starts_with("drwxrwsrwx 0/1000680000") && lines[1].contains(" work"), "{list}");
        assert!(lines[2].starts_with("-r-------- 0/1000680000") && lines[2].ends_with("..1/a"), "{list}");
        assert!(lines[3].contains(" 600 ") && lines[3].ends_with(&long), "{list}");
        assert!(lines[4].ends_with("..data -> ..1"), "{list}");
    }

    #[test]
    fn the_first_file_is_read_whatever_is_said_before_it() {
        let archive = |name: &str| {
            let mut tar = Tar::of_group(0);
            tar.file(name, 0o666, b"it broke");
            tar.finish()
        };
        for name in ["end", "n".repeat(200).as_str()] {
            let archive = archive(name);
            assert_eq!(first_file(&archive), Some(&b"it broke"[..]), "{name}");
            assert_eq!(first_file(&archive[..BLOCK]), None, "not all of it is there");
        }
        let mut folder = Tar::of_group(0);
        folder.folder("end");
        for other in [folder.finish(), Tar::of_group(0).finish(), Vec::new()] {
            assert_eq!(first_file(&other), None);
        }
    }
}
