//! The pages: the dashboard, and signing in.

mod account;
mod pages;
mod sign_in;
mod welcome;
