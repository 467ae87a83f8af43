//! How much of an engine's answer is read. Who imports an engine chooses what answers there, and one process runs the nodes of
//! everybody.

/// Most of an answer that is read as a whole: a page of the largest lists.
pub(crate) const WHOLE: usize = 64 << 20;
/// Longest line of an answer without an end, which is one object; a store of a cluster takes 1.5 MiB.
pub(crate) const LINE: usize = 8 << 20;
