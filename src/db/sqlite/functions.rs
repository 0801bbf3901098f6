//! Functions that the views of our schema call. They make the text of a chunk out
//! of the messages that it is of, and of that what the full-text index is given
//! ([`Stems`]), so that neither is stored.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error, Result};

use crate::db::Dialect;
use crate::history::chunk;
use crate::search::Stems;

pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("part_of", 3, flags, part_of)?;
    connection.create_scalar_function("words_of", 1, flags, words_of)
}

/// `part_of(text, start, stop)`: as [`crate::history::chunk::part`]; to the end where `stop` is null.
fn part_of(context: &mut Context<'_>) -> Result<String> {
    let text = text(context)?;
    let (start, stop): (i64, Option<i64>) = (context.get(1)?, context.get(2)?);
    // A place that no text can have is none in this.
    let place = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(chunk::part(text, place(start), stop.map_or(text.len(), place)).to_owned())
}

/// `words_of(text)`: what the full-text index is given for a chunk with this text.
fn words_of(context: &mut Context<'_>) -> Result<String> {
    Ok(Stems::new(Dialect::Sqlite).words(text(context)?))
}

fn text<'a>(context: &'a Context<'_>) -> Result<&'a str> {
    context.get_raw(0).as_str().map_err(|error| Error::UserFunctionError(Box::new(error)))
}
