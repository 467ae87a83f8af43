//! Virtual nodes as processes run them: one by flags (`remotegpu-kubelet`), or those of all imported engines together.
//!
//! Knows no console and no database: whoever runs a [`fleet::Fleet`] tells it which engines there are.
//! Start reading at [`fleet::Fleet::keep`].
#![forbid(unsafe_code)]

pub mod address;
pub mod fleet;
