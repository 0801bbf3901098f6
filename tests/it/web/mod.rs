//! The pages: the dashboard, and signing in.

mod account;
mod buckets;
mod connect;
mod conversations;
mod memories;
mod one_memory;
mod overview;
mod pages;
mod recall;
mod sign_in;
mod transfer;
mod trash;
mod welcome;
