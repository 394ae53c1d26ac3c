//! Has the crate compiled again when the page was built again, whose files it holds.

#![expect(clippy::print_stdout, reason = "it is how a build script speaks")]

fn main() {
    println!("cargo:rerun-if-changed=../../dashboard/dist");
}
