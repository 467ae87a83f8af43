//! Makes cargo build the crate again when a migration is added: the macro that reads them tells it nothing.

fn main() {
    for engine in ["sqlite", "postgres"] {
        println!("cargo::rerun-if-changed=../../migrations/{engine}");
    }
}
