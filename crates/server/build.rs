//! Has the crate compiled again when the page was built again, whose files it holds.

fn main() {
    println!("cargo:rerun-if-changed=../../dashboard/dist");
}
