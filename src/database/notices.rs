//! What SQL Server says beside its rows, up to what a call may keep of it.

use mssql_mcp_session::Message;

use super::SqlError;
use crate::plural::plural;

/// More than this is dropped: a batch that prints in a loop must not fill memory.
const MAX_MESSAGES: usize = 100;
/// Characters of one.
const MAX_LENGTH: usize = 4000;
/// Characters of all of them, but for the one that goes beyond.
const MOST: usize = 40_000;

/// What a call was told beside its results.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Notices {
    /// PRINT, RAISERROR below 11, and notices of the server.
    pub(crate) messages: Vec<String>,
    /// In the order of the answer: the first is what the text failed with.
    pub(crate) errors: Vec<SqlError>,
    /// The wrapper said that the text had ended its transaction itself.
    pub(super) ended: bool,
    /// Characters of both so far.
    length: usize,
    /// Messages and errors that there was no room for.
    dropped: usize,
}

impl Notices {
    pub(super) fn info(&mut self, message: Message) {
        if self.has_room(self.messages.len()) {
            let text = self.short(message.text);
            self.messages.push(text);
        }
    }

    pub(super) fn error(&mut self, message: Message) {
        // The first is what the text failed with, whatever was printed before.
        if self.errors.is_empty() || self.has_room(self.errors.len()) {
            let text = self.short(message.text.clone());
            self.errors.push(SqlError::from(Message { text, ..message }));
        }
    }

    /// What was said, with what is missing of it.
    pub(crate) fn into_messages(self) -> Vec<String> {
        let mut messages = self.messages;
        if self.dropped > 0 {
            let what = plural(self.dropped as u64, "more message");
            messages.push(format!(
                "… {what} left out: a call keeps {MAX_MESSAGES}, of {MOST} \
                characters in all"
            ));
        }
        messages
    }

    fn has_room(&mut self, there: usize) -> bool {
        let room = there < MAX_MESSAGES && self.length < MOST;
        self.dropped += usize::from(!room);
        room
    }

    fn short(&mut self, text: String) -> String {
        let text = match text.char_indices().nth(MAX_LENGTH) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        self.length += text.chars().count();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_in_number_and_in_length() {
        let mut said = Notices::default();
        let text = |text: &str| Message { text: text.into(), ..Message::default() };
        for _ in 0..MAX_MESSAGES + 2 {
            said.info(text("short"));
        }
        let messages = said.into_messages();
        assert_eq!(messages.len(), MAX_MESSAGES + 1);
        assert!(messages[MAX_MESSAGES].starts_with("… 2 more messages left out"), "{messages:?}");
        let mut said = Notices::default();
        for _ in 0..MAX_MESSAGES {
            said.info(text(&"é".repeat(MAX_LENGTH + 1)));
        }
        said.error(text("failed"));
        said.error(text("and more"));
        assert_eq!((said.messages.len(), said.errors.len()), (10, 1));
        assert_eq!(said.messages[0].chars().count(), MAX_LENGTH + 1);
        assert!(said.into_messages()[10].starts_with("… 91 more messages left out"));
    }
}
