//! Writes the OpenAPI document, so that it can be checked in:
//! `cargo run -p throng-server --example openapi > crates/server/openapi.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(throng_server::openapi_json().as_bytes())
}
