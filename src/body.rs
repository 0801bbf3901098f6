//! Reading the body of a request whole, within a limit of size and one of time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{Error, Result};

/// The whole body, of at most `limit` bytes, if it arrives within `wait`.
///
/// # Errors
/// [`Error::TooLarge`], before anything is read where the length is announced;
/// [`Error::Timeout`]; [`Error::Invalid`] for one that breaks off.
pub async fn read<B>(body: B, limit: usize, wait: Duration) -> Result<Bytes>
where
    B: BodyExt,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || Error::TooLarge(format!("The body is larger than {limit} bytes; split the request."));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(wait, Limited::new(body, limit).collect()).await {
        Err(_) => Err(Error::Timeout(format!("The body did not arrive within {} seconds.", wait.as_secs()))),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::invalid("The body broke off; send the request again.")),
    }
}
