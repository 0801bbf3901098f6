//! Chat history: conversations brought from other tools, found again and cited.

pub mod chunk;
pub mod cite;
pub mod compose;
pub mod import;
pub mod sentence;
pub mod tokens;
pub mod when;
