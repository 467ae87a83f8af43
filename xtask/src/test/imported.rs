//! The cluster that the browser tests import as an engine: a second control plane beside the platform's own, because no
//! setting opens the console's own addresses. It has no machines; what it offers is typed by hand.

use std::path::Path;

use anyhow::Result;
use localplane::{Binaries, Plane, PlaneConfig, Stop};

use super::GOGC;
use crate::say::Say;

/// A control plane that runs until it is dropped.
pub struct Imported {
    plane: Plane,
}

impl Imported {
    /// Starts it with its data under `dir`.
    ///
    /// # Errors
    /// When one of its programs is missing or ends during the start.
    pub fn start(dir: &Path, say: &Say, stop: &Stop) -> Result<Self> {
        say.step("Starting a second control plane, to be imported as an engine");
        let binaries = Binaries::find(&mut |line| say.step(line), stop)?;
        let (stop, own) = (stop.clone(), PlaneConfig::new(&dir.join("imported")));
        let config = PlaneConfig { throwaway: true, gogc: Some(GOGC), stop, ..own };
        Ok(Self { plane: Plane::start(&config, &binaries)? })
    }

    /// What the tests find in their environment: how its administrator gets in.
    pub fn environment(&self) -> (String, String) {
        ("REMOTEGPU_TEST_IMPORTED_KUBECONFIG".to_owned(), self.kubeconfig().display().to_string())
    }

    /// Its administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        self.plane.kubectl().kubeconfig()
    }
}
