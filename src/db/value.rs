//! Values going into statements and rows coming out, the same for both engines.

use crate::error::{Error, Result};

/// A statement's parameter. Nulls have a type, because `PostgreSQL` wants one.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// 64-bit integer; also times (microseconds) and truth values (0 and 1).
    Int(Option<i64>),
    /// Text without NUL.
    Text(Option<&'a str>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An embedding, one number for each dimension; for `{vector $n}`.
    Embedding(Option<&'a [i8]>),
    /// A list of embeddings; to `PostgreSQL` of the texts of them.
    Embeddings(&'a [Option<&'a [i8]>]),
    /// A list for `{in $n}`.
    Texts(&'a [String]),
    /// A list for `{in $n}`.
    Ints(&'a [i64]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a [String]> for Value<'a> {
    fn from(value: &'a [String]) -> Self {
        Self::Texts(value)
    }
}

impl<'a> From<&'a [i64]> for Value<'a> {
    fn from(value: &'a [i64]) -> Self {
        Self::Ints(value)
    }
}

/// One column of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row that a statement returned, read by column number from 0.
///
/// Every reader returns [`Error::Internal`] where the column is of another type.
#[derive(Debug, Clone)]
pub struct Row(pub(super) Vec<Cell>);

impl Row {
    fn take(&mut self, column: usize) -> Option<Cell> {
        self.0.get_mut(column).map(|cell| std::mem::replace(cell, Cell::Null))
    }

    fn wrong<T>(column: usize, wanted: &str) -> Result<T> {
        Err(Error::internal(format!("column {column} of a row is not {wanted}")))
    }

    /// An integer.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn int(&self, column: usize) -> Result<i64> {
        match self.0.get(column) {
            Some(Cell::Int(value)) => Ok(*value),
            _ => Self::wrong(column, "an integer"),
        }
    }

    /// An integer or null.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    /// A floating-point number.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn real(&self, column: usize) -> Result<f64> {
        match self.0.get(column) {
            Some(Cell::Real(value)) => Ok(*value),
            _ => Self::wrong(column, "a floating-point number"),
        }
    }

    /// A floating-point number or null.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn real_or_null(&self, column: usize) -> Result<Option<f64>> {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.real(column).map(Some),
        }
    }

    /// Text, moved out: a second read of the column finds null.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn text(&mut self, column: usize) -> Result<String> {
        match self.take(column) {
            Some(Cell::Text(value)) => Ok(value),
            _ => Self::wrong(column, "text"),
        }
    }

    /// Text or null, moved out.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn text_or_null(&mut self, column: usize) -> Result<Option<String>> {
        match self.take(column) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Text(value)) => Ok(Some(value)),
            _ => Self::wrong(column, "text"),
        }
    }

    /// Bytes or null, moved out.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn bytes_or_null(&mut self, column: usize) -> Result<Option<Vec<u8>>> {
        match self.take(column) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Bytes(value)) => Ok(Some(value)),
            _ => Self::wrong(column, "bytes"),
        }
    }

    /// Bytes, moved out.
    ///
    /// # Errors
    /// See [`Row`].
    pub fn bytes(&mut self, column: usize) -> Result<Vec<u8>> {
        match self.take(column) {
            Some(Cell::Bytes(value)) => Ok(value),
            _ => Self::wrong(column, "bytes"),
        }
    }
}
