//! schemathesis, a fuzzer that reads our API document: run by the integration tests
//! (`server/tests/integration/schemathesis.rs`), which have the console and the people it needs.

use super::venv::Program;

/// Pinned: a newer one finds other things.
pub const SCHEMATHESIS: Program =
    Program { name: "schemathesis", version: "4.32.5", package: "schemathesis", file: "schemathesis" };
