//! stub
use std::sync::Arc;
use crate::clock::Micros;
#[derive(Debug)]
pub struct Documents;
pub struct ClientDocument { pub name: Option<String>, pub redirect_uris: Vec<String> }
impl Documents {
    pub fn new() -> crate::error::Result<Self> { Ok(Self) }
    pub async fn get(&self, _: &str, _: Micros) -> Result<Arc<ClientDocument>, String> { Err("no".into()) }
}
pub fn is_address(id: &str) -> bool { id.starts_with("https://") }
pub fn is_plain(s: &str) -> bool { !s.chars().any(char::is_control) }
pub fn check_redirect_uri(_: &str) -> Result<(), &'static str> { Ok(()) }
pub fn redirect_matches(a: &str, b: &str) -> bool { a == b }
