//! Operations that the pages call, on the storage of the real server.

mod many;
mod moving;
mod overview;
mod review;
mod table;
mod undo;
mod upkeep;

use commonplace::auth::{Caller, ops as auth};

use crate::harness::{Server, User};

/// Someone with an account, as operations know them and as the API does.
pub async fn person(server: &Server, name: &str) -> (User, Caller) {
    let user = server.user(name).await;
    let account = auth::account(&server.app, Some(name)).await.expect("the account");
    (user, Caller::operator(account.id))
}
