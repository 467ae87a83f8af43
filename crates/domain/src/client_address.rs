//! What counts as one client where failures and requests are counted: a customer has one IPv4 address or a whole IPv6 /64.
//!
//! Source: `security.md` §4.4 and §9.

use std::net::{IpAddr, Ipv6Addr};

/// What a limit counts by: the address, of IPv6 the /64 that one customer gets.
pub fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
        address => address,
    }
}

/// The same for an address as text; what is none stands for itself.
pub fn grouped(address: &str) -> String {
    address.parse().map_or_else(|_| address.to_owned(), |address| group(address).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_64_is_one_client() {
        assert_eq!(grouped("2001:db8:1:2:3:4:5:6"), grouped("2001:db8:1:2:ffff::"));
        assert_ne!(grouped("2001:db8:1:2::1"), grouped("2001:db8:1:3::1"));
        assert_ne!(grouped("203.0.113.7"), grouped("203.0.113.8"));
        assert_eq!(grouped("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(grouped("unknown"), "unknown");
    }
}
