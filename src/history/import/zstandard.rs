//! Files that are compressed with Zstandard (RFC 8878), as Codex keeps the sessions
//! that are some days old.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// What such a file begins with.
pub const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Reads what was compressed, of all frames one after the other. A frame may ask for 100 MiB of memory at most.
pub struct Frames<R: Read>(Option<StreamingDecoder<BufReader<R>, FrameDecoder>>);

impl<R: Read> Frames<R> {
    /// Begins.
    ///
    /// # Errors
    /// The reader's, or its beginning is that of no frame.
    pub fn new(reader: R) -> io::Result<Self> {
        Self::begin(BufReader::new(reader))
    }

    fn begin(source: BufReader<R>) -> io::Result<Self> {
        StreamingDecoder::new(source).map(|decoder| Self(Some(decoder))).map_err(io::Error::other)
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if decoder.get_mut().fill_buf()?.is_empty() {
                self.0 = None;
            } else if let Some(decoder) = self.0.take() {
                *self = Self::begin(decoder.into_inner())?;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::{Frames, MAGIC};

    pub fn compressed(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Frames::new(bytes)?.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn frames_are_read_one_after_the_other_and_nothing_else_is() {
        let text = "said again and again ".repeat(40_000);
        let one = compressed(text.as_bytes());
        assert!(one.starts_with(&MAGIC) && one.len() < text.len() / 2);
        let read_again = read(&[&one[..], &compressed(b" and "), &one].concat()).unwrap();
        assert!(read_again == format!("{text} and {text}").into_bytes());
        for broken in [&one[..one.len() / 2], &one[..3], b"", &[&one[..], b"more"].concat()] {
            assert!(read(broken).is_err(), "{} bytes", broken.len());
        }
    }
}
