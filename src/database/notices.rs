//! What SQL Server says beside its rows, up to what a call may keep of it.

use mssql_mcp_session::Message;

use super::SqlError;

/// More than this is dropped: a batch that prints in a loop must not fill memory.
const MAX_MESSAGES: usize = 100;
/// Characters of one.
const MAX_LENGTH: usize = 4000;

/// What a call was told beside its results.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Notices {
    /// PRINT, RAISERROR below 11, and notices of the server.
    pub(crate) messages: Vec<String>,
    /// In the order of the answer: the first is what the text failed with.
    pub(crate) errors: Vec<SqlError>,
}

impl Notices {
    pub(super) fn info(&mut self, message: Message) {
        if self.messages.len() < MAX_MESSAGES {
            self.messages.push(short(message.text));
        }
    }

    pub(super) fn error(&mut self, message: Message) {
        if self.errors.len() < MAX_MESSAGES {
            self.errors.push(SqlError::from(Message { text: short(message.text), ..message }));
        }
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_in_number_and_in_length() {
        let mut said = Notices::default();
        for _ in 0..=MAX_MESSAGES {
            let long = || Message { text: "é".repeat(MAX_LENGTH + 1), ..Message::default() };
            said.info(long());
            said.error(long());
        }
        assert_eq!((said.messages.len(), said.errors.len()), (MAX_MESSAGES, MAX_MESSAGES));
        assert_eq!(said.messages[0].chars().count(), MAX_LENGTH);
        assert_eq!(said.errors[0].message.chars().count(), MAX_LENGTH);
    }
}
