//! Widgets that know nothing of the product: no route, no noun, no server function.
//!
//! Colours and radii come from the tokens of `style/tailwind.css` only. Start reading at [`button`] and [`panel`].

pub mod badge;
pub mod banner;
pub mod button;
pub mod chart;
pub mod choice;
pub mod clock;
pub mod code;
pub mod confirm;
pub mod copy;
pub mod dialog;
pub mod empty;
pub mod field;
pub mod icon;
pub mod keyed;
pub mod menu;
pub mod meter;
pub mod money;
pub mod panel;
pub mod readout;
pub mod skeleton;
pub mod table;
pub mod tabs;
pub mod toast;

#[cfg(test)]
mod tests;
