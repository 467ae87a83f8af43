//! What belongs to the platform: for operators.

pub mod account {
    //! Accounts.
    pub mod create;
    pub mod detail;
    mod grants;
    pub mod list;
}

pub mod health {
    //! How the installation is.
    pub mod detail;
}

pub mod node {
    //! Virtual nodes.
    pub mod detail;
    pub mod list;
    mod pods;
}

pub mod sku {
    //! What is sold.
    pub mod create;
    pub mod detail;
    mod fields;
    pub mod list;
}

pub mod skypilot {
    //! SkyPilot access that reaches beyond a namespace.
    pub mod list;
}

pub mod tenant {
    //! Namespaces as tenants.
    pub mod list;
}
