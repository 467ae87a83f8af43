//! A value on its way to a page, as JSON text that is read where it is shown.
//!
//! Resources, forms and streams then share one type, instead of one copy of their machinery per noun: that halves the
//! browser's download (350 KB budget, DESIGN §9).

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::error::AppError;

/// What the server answered, as JSON text.
pub type Answer = Result<String, AppError>;

/// The JSON text of a `T`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed<T> {
    json: String,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Packed<T> {
    /// The text alone.
    pub fn into_text(self) -> String {
        self.json
    }
}

impl<T: Serialize> Packed<T> {
    /// Writes a value as JSON.
    ///
    /// # Errors
    /// `internal` for a value that JSON cannot hold.
    #[cfg(feature = "ssr")]
    pub fn new(value: &T) -> Result<Self, AppError> {
        let json = serde_json::to_string(value).map_err(|error| AppError::refuse(domain::Error::internal(error)))?;
        Ok(Self { json, of: PhantomData })
    }
}

/// Reads a value where it is shown.
///
/// # Errors
/// `internal` when the text is of another shape: then page and server are of different versions.
pub fn unpack<T: DeserializeOwned>(json: &str) -> Result<T, AppError> {
    serde_json::from_str(json).map_err(|_| AppError::other_version())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_another_shape_is_an_error_and_not_a_panic() {
        assert_eq!(unpack::<u32>("7").unwrap(), 7);
        assert!(unpack::<u32>("{}").unwrap_err().detail.contains("Reload"));
    }
}
