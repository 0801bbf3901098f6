//! The wire, operation by operation.

mod auth;
mod buckets;
mod bulk_delete;
mod clients;
mod delete_by_filter;
mod finding;
mod memories;
mod operations;
mod transfer;
mod trash;
mod updates;
pub mod wire;
