//! What belongs to the platform: for operators.

pub mod account {
    //! Accounts.
    pub mod create;
    pub mod detail;
    pub mod list;
}
