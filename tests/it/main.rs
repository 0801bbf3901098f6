//! The integration tests: one binary, against the real server on real sockets.
//!
//! Every test that touches data runs on both engines. `PostgreSQL` is the server
//! that `TEST_DATABASE_URL` names; `scripts/test` starts one. Without it the
//! tests fail: nothing is skipped.

mod api;
mod browser;
mod crash;
mod embedders;
mod embedding;
mod faults;
mod features;
mod forget;
mod fuzz;
mod harness;
mod history;
mod history_model;
mod isolation;
mod mcp;
mod oauth;
mod openapi;
mod processes;
mod properties;
mod seam;
mod search;
mod start;
mod stub;
mod tidy;
mod upgrade;
mod web;
