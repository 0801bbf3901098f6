//! The wire, operation by operation.

mod memories;
