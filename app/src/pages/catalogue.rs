//! What can be rented.

pub mod sku {
    //! SKUs.
    pub mod list;
}
