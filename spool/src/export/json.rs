//! Rows as lines of JSON.

use super::Write;
use crate::error::Error;
use crate::scan::Cells;

/// Objects.
#[derive(Debug)]
pub(super) struct Lines {
    /// `"name":` of each column.
    names: Vec<Vec<u8>>,
}

/// Arrays.
#[derive(Debug)]
pub(super) struct Arrays;

// === impl Lines ===

impl Lines {
    pub(super) fn new(names: &[String]) -> Self {
        let name = |name: &String| {
            let mut json = serde_json::Value::from(name.as_str()).to_string().into_bytes();
            json.push(b':');
            json
        };
        Self { names: names.iter().map(name).collect() }
    }
}

impl Write for Lines {
    fn row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        out.push(b'{');
        for (n, (cell, name)) in Cells::new(row).zip(&self.names).enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.extend_from_slice(cell.json);
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

// === impl Arrays ===

impl Write for Arrays {
    fn row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(row);
        out.push(b'\n');
        Ok(())
    }
}
