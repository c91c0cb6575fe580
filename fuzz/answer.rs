//! Coverage-guided search for an answer that makes the reader panic, keep more than it may, or read
//! on without end; and the same bytes must say the same however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mssql_mcp_session::fuzzing::read;

fuzz_target!(|bytes: &[u8]| {
    let [size, answer @ ..] = bytes else { return };
    let whole = read(answer, answer.len().max(1));
    assert_eq!(read(answer, usize::from(*size).max(1)), whole);
    // Of a value no more than 100 characters are kept, of a row 1,000 and 64 for each column; what
    // stands around them is a few bytes for each byte that came.
    assert!(whole.len() <= answer.len() * 400 + 4096, "{} of {}", whole.len(), answer.len());
});
