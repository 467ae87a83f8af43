//! Which addresses we connect to because somebody typed them: engines and outgoing webhooks.
//!
//! Source: `security.md` §7.1, `engine-import.md` §8. Names are resolved first and every answer is checked, so that how
//! an address was spelled does not matter. The check is repeated at each connection: an answer may change (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Error, Result};

/// Which addresses may be connected to. Public ones always; private ones where the operator allows their range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<Network>,
    denied: Vec<IpAddr>,
    endpoints: Vec<SocketAddr>,
}

/// A range of addresses, `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// What an address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    /// RFC 1918, RFC 6598, unique local.
    Private,
    /// This machine. Denied like [`Kind::Never`], but an operator may name the range: a console on one machine for itself.
    Loopback,
    /// Metadata services, link-local, multicast and what is no address of anybody. No setting opens these.
    Never,
}

/// Metadata services of clouds outside of the link-local ranges, and the wire server of Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Ports of protocols that do not begin with TLS: nobody is to find out by a form whether somebody listens there.
const PLAIN: [u16; 24] = [
    21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 389, 445, 873, 2049, 2375, 3306, 3389, 5432, 5900, 6379, 10255,
    11211, 27017,
];

// === impl AddressPolicy ===

impl AddressPolicy {
    /// Also allows these ranges.
    pub fn allowing(allowed: Vec<Network>) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// These ranges, too.
    #[must_use]
    pub fn and_allowing(mut self, allowed: impl IntoIterator<Item = Network>) -> Self {
        self.allowed.extend(allowed);
        self
    }

    /// For addresses that no operator had in mind when private networks were allowed; what is denied stays so.
    #[must_use]
    pub fn public_only(self) -> Self {
        Self { allowed: Vec::new(), ..self }
    }

    /// Never these, whatever range they are in: the API server of the home cluster.
    #[must_use]
    pub fn denying(mut self, denied: impl IntoIterator<Item = IpAddr>) -> Self {
        self.denied.extend(denied.into_iter().map(plain));
        self
    }

    /// Never these ports of these addresses: what of our own shares its address with others. Every address of loopback
    /// is the same machine.
    #[must_use]
    pub fn denying_endpoints(mut self, denied: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.endpoints.extend(denied.into_iter().map(|one| SocketAddr::new(plain(one.ip()), one.port())));
        self
    }

    /// Whether we may connect to `address`, as far as its port does not matter.
    fn allows(&self, address: IpAddr) -> bool {
        let address = plain(address);
        if self.denied.contains(&address) {
            return false;
        }
        match kind(address) {
            Kind::Public => true,
            Kind::Private | Kind::Loopback => self.allowed.iter().any(|network| network.contains(address)),
            Kind::Never => false,
        }
    }

    /// Whether we may connect to this port of a host with these addresses: there is one, and **every** one is allowed,
    /// as nobody knows which of them would be used.
    pub fn allows_all(&self, addresses: &[IpAddr], port: u16) -> bool {
        let allowed = |address: &IpAddr| self.allows(*address) && !self.is_own(*address, port);
        !addresses.is_empty() && addresses.iter().all(allowed)
    }

    /// The same for a connection that begins with TLS, which known ports of other protocols are not for.
    pub fn allows_tls(&self, addresses: &[IpAddr], port: u16) -> bool {
        !PLAIN.contains(&port) && self.allows_all(addresses, port)
    }

    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        let address = plain(address);
        let same = |own: IpAddr| own == address || own.is_loopback() && address.is_loopback();
        self.endpoints.iter().any(|own| own.port() == port && same(own.ip()))
    }
}

// === impl Network ===

impl Network {
    /// Reads `10.0.0.0/8`, `fd12::/16`, or one address.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `network`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::field("network", "format", format!("{text} is no range of addresses such as 10.0.0.0/8"));
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(longest), |bits| bits.parse::<u8>().map_err(|_| wrong()))?;
        if bits > longest {
            return Err(wrong());
        }
        Ok(Self { first, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The address that a packet to `address` would reach: IPv4 inside IPv6 (mapped, translated, compatible, NAT64, 6to4) is
/// unwrapped.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let parts = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // ::a.b.c.d, but not :: and ::1.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let [a, b, ..] = address.octets();
    if METADATA_V4.contains(&address) {
        return Kind::Never;
    }
    match (a, b) {
        (0, _) | (169, 254) | (224..=255, _) => Kind::Never,
        (127, _) => Kind::Loopback,
        (10, _) | (172, 16..=31) | (192, 168) | (100, 64..=127) => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let first = address.segments()[0];
    if METADATA_V6.contains(&address) || address.is_unspecified() {
        return Kind::Never;
    }
    if address.is_loopback() {
        return Kind::Loopback;
    }
    match first {
        // fe80::/10 link-local, fec0::/10 site-local (deprecated), ff00::/8 multicast
        0xfe80..=0xffff => Kind::Never,
        0xfc00..=0xfdff => Kind::Private,
        // NAT64 of a network of its own (RFC 8215): nobody knows what is behind it.
        0x64 => Kind::Never,
        _ => Kind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn allowing(ranges: &[&str]) -> AddressPolicy {
        AddressPolicy::allowing(ranges.iter().map(|text| Network::parse(text).unwrap()).collect())
    }

    #[test]
    fn public_addresses_are_reached_and_private_ones_only_where_their_range_is_allowed() {
        let (closed, open) = (AddressPolicy::default(), allowing(&["10.0.0.0/8", "fd12::/16", "192.168.7.9"]));
        for public in ["192.0.2.1", "8.8.8.8", "2606:4700::1111", "172.32.0.1", "100.128.0.1"] {
            assert!(closed.allows(address(public)), "{public}");
        }
        for private in ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.9", "100.64.0.1", "fd12::1", "fc00::1"] {
            assert!(!closed.allows(address(private)), "{private}");
        }
        for allowed in ["10.255.0.1", "fd12::1", "192.168.7.9", "::ffff:10.0.0.1"] {
            assert!(open.allows(address(allowed)), "{allowed}");
        }
        assert!(!open.allows(address("192.168.7.10")) && !open.allows(address("fd13::1")));
    }

    #[test]
    fn what_is_denied_stays_so_however_the_ranges_change() {
        let own = [address("192.0.2.7")];
        let policy = allowing(&["10.0.0.0/8"]).denying(own).public_only();
        assert!(policy.allows(address("192.0.2.8")) && !policy.allows(address("10.0.0.1")));
        let wider = policy.clone().and_allowing([Network::parse("127.0.0.0/8").unwrap()]);
        assert!(wider.allows(address("127.0.0.1")));
        assert!(!policy.allows(own[0]) && !wider.allows(own[0]));
    }

    #[test]
    fn no_setting_opens_metadata_link_local_and_multicast() {
        let open = allowing(&["0.0.0.0/0", "::/0"]);
        for never in [
            "0.0.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "64:ff9b:1::1",
        ] {
            assert!(!open.allows(address(never)), "{never}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_counts_as_itself() {
        let closed = AddressPolicy::default();
        for wrapped in [
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(!closed.allows(address(wrapped)), "{wrapped}");
        }
        assert!(closed.allows(address("::ffff:8.8.8.8")));
    }

    #[test]
    fn this_machine_is_denied_unless_its_range_is_named() {
        for own in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(!AddressPolicy::default().allows(address(own)), "{own}");
            assert!(allowing(&["127.0.0.0/8", "::1"]).allows(address(own)), "{own}");
        }
    }

    #[test]
    fn what_is_denied_by_name_stays_so_inside_an_allowed_range() {
        let policy = allowing(&["10.0.0.0/8"]).denying([address("10.96.0.1")]);
        assert!(policy.allows(address("10.96.0.2")));
        assert!(!policy.allows(address("10.96.0.1")) && !policy.allows(address("::ffff:10.96.0.1")));
    }

    #[test]
    fn a_port_of_our_own_is_denied_and_others_of_its_address_are_not() {
        let own = ["127.0.0.1:6443", "10.0.0.9:443"].map(|text| text.parse().unwrap());
        let policy = allowing(&["127.0.0.0/8", "::1", "10.0.0.0/8"]).denying_endpoints(own);
        for (text, port) in [("127.0.0.1", 6443), ("127.9.9.9", 6443), ("::1", 6443), ("::ffff:10.0.0.9", 443)] {
            assert!(!policy.allows_all(&[address(text)], port), "{text} {port}");
        }
        for (text, port) in [("127.0.0.1", 6444), ("10.0.0.9", 8443), ("10.0.0.8", 443)] {
            assert!(policy.allows_all(&[address(text)], port), "{text} {port}");
        }
    }

    #[test]
    fn tls_is_not_begun_at_ports_of_other_protocols() {
        let (closed, public) = (AddressPolicy::default(), [address("192.0.2.1")]);
        for port in [22, 25, 80, 2375, 5432, 6379] {
            assert!(!closed.allows_tls(&public, port) && closed.allows_all(&public, port), "{port}");
        }
        for port in [443, 2376, 6443, 8443, 16443] {
            assert!(closed.allows_tls(&public, port), "{port}");
        }
        assert!(!closed.allows_tls(&[address("10.0.0.1")], 443));
    }

    #[test]
    fn one_denied_answer_denies_the_name() {
        let closed = AddressPolicy::default();
        assert!(closed.allows_all(&[address("192.0.2.1")], 443));
        assert!(!closed.allows_all(&[address("192.0.2.1"), address("10.0.0.1")], 443));
        assert!(!closed.allows_all(&[], 443), "a name without address");
    }

    #[test]
    fn a_range_is_an_address_and_a_length() {
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "fd12::/129", "10.0.0.0/", "host/8", "10.0.0.0/-1"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
        assert!(allowing(&["0.0.0.0/0"]).allows(address("10.0.0.1")));
    }
}
