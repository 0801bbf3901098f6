//! OAuth: the whole way from registering to revoking, and every refusal.

mod clients;
mod consent;
mod metadata;
pub mod person;
mod tokens;
