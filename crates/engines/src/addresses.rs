//! Synthetic pod addresses, unique on the node.
//! They lead nowhere; they exist because Kubernetes wants each running pod to have one of its own.
use std::{collections::HashSet, net::Ipv4Addr};

/// 10.200.0.0/14: 262,142 addresses, outside the usual ranges of pods and services.
const FIRST: u32 = u32::from_be_bytes([10, 200, 0, 0]);
const SIZE: u32 = 1 << 18;

#[derive(Default)]
pub(crate) struct Addresses {
    taken: HashSet<Ipv4Addr>,
    last: u32,
}

// === impl Addresses ===

impl Addresses {
    /// The wanted address if it is ours and free, else the next free one.
    pub(crate) fn take(&mut self, wanted: Option<&str>) -> Ipv4Addr {
        let wanted = wanted.and_then(|text| text.parse().ok()).filter(|ip| is_ours(*ip));
        if let Some(ip) = wanted.filter(|ip| !self.taken.contains(ip)) {
            self.taken.insert(ip);
            return ip;
        }
        loop {
            // Network and broadcast address are left out.
            self.last = self.last % (SIZE - 2) + 1;
            let ip = Ipv4Addr::from(FIRST + self.last);
            if self.taken.insert(ip) || self.taken.len() >= (SIZE - 2) as usize {
                return ip;
            }
        }
    }

    /// An address that is in use already.
    pub(crate) fn keep(&mut self, ip: &str) {
        if let Ok(ip) = ip.parse() {
            self.taken.insert(ip);
        }
    }

    pub(crate) fn give_back(&mut self, ip: &str) {
        if let Ok(ip) = ip.parse() {
            self.taken.remove(&ip);
        }
    }
}

fn is_ours(ip: Ipv4Addr) -> bool {
    u32::from(ip).wrapping_sub(FIRST) < SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_unique_and_an_old_one_is_kept() {
        let mut addresses = Addresses::default();
        assert_eq!(addresses.take(Some("10.200.0.2")), Ipv4Addr::new(10, 200, 0, 2));
        assert_eq!(addresses.take(None), Ipv4Addr::new(10, 200, 0, 1));
        assert_eq!(addresses.take(None), Ipv4Addr::new(10, 200, 0, 3));
        assert_eq!(addresses.take(Some("10.200.0.2")), Ipv4Addr::new(10, 200, 0, 4));
        assert_eq!(addresses.take(Some("192.168.0.1")), Ipv4Addr::new(10, 200, 0, 5));
    }
}
