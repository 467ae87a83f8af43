//! The control plane as a whole: real processes, real kubectl, two starts on one data directory.
//! One test function walks through one life, because a start is what costs time here.

use std::path::PathBuf;

use localplane::binaries::Pins;
use localplane::{Binaries, Plane, PlaneConfig, Stop};

fn data_dir() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("localplane-life-{}", std::process::id()));
    let _none_before = std::fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_control_plane_keeps_its_data_and_names_the_process_that_died() {
    let binaries = Binaries::find(&mut |line| println!("{line}"), &Stop::default()).unwrap();
    let config = PlaneConfig { throwaway: true, ..PlaneConfig::new(&data_dir()) };

    let mut first = Plane::start(&config, &binaries).unwrap();
    let version = first.kubectl().run(&["version"]).unwrap();
    // Unstamped programs call themselves v0.0.0-master.
    let pins = Pins::read().unwrap();
    let (major, minor) = pins.kubernetes_minor();
    for side in ["Client", "Server"] {
        assert!(version.contains(&format!("{side} Version: v{major}.{minor}.")), "{version}");
    }
    first.kubectl().run(&["create", "namespace", "kept"]).unwrap();
    let server = first.server().to_owned();
    first.stop();

    let mut second = Plane::start(&config, &binaries).unwrap();
    assert_eq!(second.server(), server, "a kubeconfig must go on working after a restart");
    second.kubectl().run(&["get", "namespace", "kept"]).unwrap();

    let (_, scheduler) = second.processes().find(|(name, _)| *name == "kube-scheduler").unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(scheduler).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let limit = std::time::Duration::from_secs(30);
    let obituary = localplane::wait::until("its end", limit, &config.stop, || Ok(second.ensure_alive().err())).unwrap();
    assert!(obituary.to_string().starts_with("kube-scheduler ended by itself (signal: 9"), "{obituary}");

    drop(second);
    std::fs::remove_dir_all(&config.dir).unwrap();
}
