//! What belongs to the account.

pub mod account {
    //! The account one acts in.
    pub mod detail;
}

pub mod api_key {
    //! API keys.
    pub mod create;
    pub mod detail;
    pub mod dialogs;
    pub mod list;
}

pub mod audit {
    //! The audit log.
    pub mod detail;
    mod filter;
    pub mod list;
    mod row;
}

pub mod cli_session {
    //! Sessions of the command line.
    pub mod list;
}

pub mod member {
    //! Its people.
    mod change;
    mod invite;
    pub mod list;
}

pub mod profile {
    //! One's own profile.
    pub mod detail;
    mod identities;
    pub mod password;
    mod sessions;
}

pub mod webhook {
    //! Outgoing webhooks.
    mod create;
    mod deliveries;
    pub mod detail;
    mod dialogs;
    pub mod list;
}
