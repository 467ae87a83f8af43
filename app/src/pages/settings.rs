//! What belongs to the account.

pub mod api_key {
    //! API keys.
    pub mod create;
    pub mod list;
}
