//! The id of a message that is too long to be kept. It is looked for while the message is skipped:
//! some clients write it first, others last.

use serde_json::Value;

/// What of an id is kept; a longer one is none.
const MOST: usize = 1024;

/// A line that is skipped.
#[derive(Debug, Default)]
pub(crate) struct LongLine {
    /// How long it is so far.
    pub(crate) bytes: usize,
    /// How many objects and lists are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether a value of the message comes next, and no key.
    at_value: bool,
    /// Whether it is that of `id`.
    of_id: bool,
    /// The key that is read, or the id.
    token: Vec<u8>,
    id: Option<Value>,
}

impl LongLine {
    /// Goes over the next piece.
    pub(crate) fn skip(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        piece.iter().for_each(|b| self.byte(*b));
    }

    /// The id, once all was skipped.
    pub(crate) fn id(self) -> Option<Value> {
        self.id
    }

    fn byte(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.end_of_value();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.end_of_value(),
            b':' if self.depth == 1 => {
                self.of_id = self.token == b"\"id\"";
                self.token.clear();
                self.at_value = true;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        let wanted = self.depth == 1 && (self.of_id || !self.at_value);
        if wanted && self.token.len() < MOST {
            self.token.push(byte);
        }
    }

    fn end_of_value(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.of_id {
            let id = serde_json::from_slice(&self.token).ok();
            self.id = id.filter(|v: &Value| v.is_string() || v.is_number());
        }
        self.token.clear();
        (self.at_value, self.of_id) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whatever the pieces that it comes in.
    fn found(line: &str) -> Option<Value> {
        let [whole, bytes] = [line.len().max(1), 1].map(|size| {
            let mut long = LongLine::default();
            line.as_bytes().chunks(size).for_each(|piece| long.skip(piece));
            assert_eq!(long.bytes, line.len());
            long.id()
        });
        assert_eq!(whole, bytes, "{line}");
        whole
    }

    #[test]
    fn the_id_is_found_wherever_it_stands() {
        let params = r#""params":{"id":9,"a":["id",{"id":8}],"b":"\"id\":7,}"}"#;
        for (id, is) in [
            ("3", json!(3)),
            (" -1.5 ", json!(-1.5)),
            (r#""a\"},{b""#, json!("a\"},{b")),
            (r#""""#, json!("")),
        ] {
            for line in [
                format!(r#"{{"id":{id},"method":"x",{params}}}"#),
                format!(r#" {{ "method" : "id" , {params} , "id" : {id} }} "#),
                // Cut off, or no JSON at all behind it.
                format!(r#"{{"id":{id},{params}"#),
            ] {
                assert_eq!(found(&line), Some(is.clone()), "{line}");
            }
        }
    }

    #[test]
    fn what_is_no_id_of_a_message_is_none() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(MOST));
        for line in [
            "",
            "xxxx",
            r#""id""#,
            r#"[{"id":1}]"#,
            r#"{"id":null}"#,
            r#"{"id":{"a":1}}"#,
            r#"{"id":[1]}"#,
            r#"{"id":tru}"#,
            r#"{"id":1"#,
            r#"{"Id":1,"method":"id","params":{"id":1}}"#,
            r#"}}{"id":"#,
            &long,
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
