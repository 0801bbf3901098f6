//! commonplace: one long-term memory that a person owns and every AI tool can
//! share. See docs/ARCHITECTURE.md for how the modules fit together.

pub mod address;
pub mod app;
pub mod auth;
pub mod body;
pub mod bucket;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod db;
pub mod embed;
pub mod error;
pub mod failpoint;
pub mod history;
pub mod http;
pub mod id;
pub mod llm;
pub mod mcp;
pub mod memory;
pub mod outbound;
pub mod overview;
pub mod receipt;
pub mod search;
pub mod web;

pub use error::Error;
