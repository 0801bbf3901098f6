//! The pages: the dashboard, and signing in.

mod account;
mod buckets;
mod conversations;
mod memories;
mod one_memory;
mod pages;
mod recall;
mod sign_in;
mod transfer;
mod trash;
mod welcome;
