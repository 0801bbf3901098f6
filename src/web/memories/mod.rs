//! The pages of memories: the list with its search ([`list`]), what is done with
//! a selection ([`act`]), one memory and what it was before ([`one`]), and those
//! that say the same ([`duplicates`]).

pub(super) mod act;
mod diff;
pub(super) mod duplicates;
pub(super) mod list;
pub(super) mod one;
mod view;

/// The path of the list, which is the entry in the navigation, too.
const PATH: &str = "/memories";
