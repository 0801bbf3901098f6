//! The pages: the dashboard, and signing in.

mod account;
mod memories;
mod one_memory;
mod pages;
mod sign_in;
mod trash;
mod welcome;
