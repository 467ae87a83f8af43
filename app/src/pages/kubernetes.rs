//! Namespaces and what runs in them.

pub mod namespace {
    //! Namespaces.
    pub mod access;
    pub mod create;
    pub mod default_sku;
    pub mod detail;
    pub mod idle_gpu;
    pub mod list;
    pub mod quota;
    pub mod settings;
    pub mod share;
}

pub mod config;

pub mod config_map {
    //! ConfigMaps.
    pub mod create;
    pub mod detail;
    pub mod list;
}

pub mod secret {
    //! Secrets.
    pub mod create;
    pub mod detail;
    pub mod list;
}

pub mod service {
    //! Services.
    pub mod create;
    pub mod list;
}

pub mod skypilot {
    //! SkyPilot access.
    pub mod choice;
    pub mod detail;
    pub mod kubeconfigs;
    pub mod verification;
}

pub mod deployment {
    //! Deployments.
    pub mod container;
    pub mod create;
    pub mod scale;
    pub mod sku_picker;
}

pub mod manifest {
    //! Manifests that a person brings along.
    pub mod create;
}

pub mod workload {
    //! What runs in a namespace, whoever made it.
    pub mod actions;
    pub mod change_dialogs;
    pub mod containers;
    mod cost;
    pub mod detail;
    pub mod dialogs;
    mod diff;
    pub mod events;
    pub mod list;
    pub mod log;
    pub mod log_switches;
    pub mod manifest;
    pub mod metrics;
    pub mod pods;
    pub mod schedule;
    pub mod terminal;
}
