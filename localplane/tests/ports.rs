//! Ports that are chosen once and kept. In a process of its own: a program that another test starts holds for a moment what
//! is open while it starts, and a port that is only looked at is open, too.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use localplane::Ports;
use tempfile::tempdir;

/// A loopback address of each test's own: all look for ports at the same instant, and looking takes the port.
const fn loopback(test: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 77, test))
}

#[test]
fn a_second_start_gets_the_same_ports() {
    let dir = tempdir().unwrap();
    let first = Ports::open(dir.path()).unwrap().get("etcd", loopback(1)).unwrap();
    assert_eq!(Ports::open(dir.path()).unwrap().get("etcd", loopback(1)).unwrap(), first);
}

#[test]
fn two_names_get_two_ports() {
    let dir = tempdir().unwrap();
    let mut ports = Ports::open(dir.path()).unwrap();
    assert_ne!(ports.get("etcd", loopback(2)).unwrap(), ports.get("kube-apiserver", loopback(2)).unwrap());
}

#[test]
fn a_port_taken_by_somebody_else_is_replaced() {
    let dir = tempdir().unwrap();
    let port = Ports::open(dir.path()).unwrap().get("etcd", loopback(3)).unwrap();
    let _somebody = TcpListener::bind((loopback(3), port)).unwrap();
    assert_ne!(Ports::open(dir.path()).unwrap().get("etcd", loopback(3)).unwrap(), port);
}
