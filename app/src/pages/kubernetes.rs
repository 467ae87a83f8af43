//! Namespaces and what runs in them.

pub mod namespace {
    //! Namespaces.
    pub mod access;
    pub mod create;
    pub mod detail;
    pub mod list;
    pub mod settings;
}

pub mod deployment {
    //! Deployments.
    pub mod create;
    pub mod detail;
    pub mod list;
    pub mod log;
    pub mod pods;
    pub mod sku_picker;
}
