//! A server for the official conformance suite of the Model Context Protocol.
//!
//! The suite calls tools, prompts and resources by names that it prescribes, so
//! a server of memories cannot pass it. This program mounts the endpoint that
//! commonplace itself mounts, [`commonplace::mcp::endpoint`], and puts a
//! handler behind it that has what the suite asks for. So the suite tests the
//! endpoint: the transport, the checks of requests, the protocol's revisions.
//! `tests/support/conformance.py` starts it. It is no part of the server.

mod asking;
mod fixtures;
mod prompts;
mod resources;
mod rounds;
mod tools;

use std::io::Write;

use axum::serve::ListenerExt;
use clap::Parser;
use commonplace::mcp::{self, Endpoint};
use tokio::net::TcpListener;

use crate::fixtures::Fixtures;

/// Where the endpoint is, as in the server.
const PATH: &str = "/api/mcp/mcp";

/// Serves what the conformance suite of the Model Context Protocol asks for.
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 for one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Answers without sessions and in plain JSON, as the server does.
    ///
    /// A tool cannot then ask an older client for anything.
    #[arg(long)]
    stateless: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    let url = format!("http://{}{PATH}", listener.local_addr()?);

    let settings = Endpoint {
        hosts: ["localhost", "127.0.0.1", "::1"].map(String::from).into(),
        origins: ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"].map(String::from).into(),
        max_body_bytes: 1 << 20,
        sessions: !arguments.stateless,
    };
    let fixtures = Fixtures::new();
    let app = mcp::endpoint(PATH, settings, move || fixtures.for_client());

    println!("ready at {url}");
    std::io::stdout().flush()?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("TCP_NODELAY was refused: {error}");
        }
    });
    axum::serve(listener, app).await
}
