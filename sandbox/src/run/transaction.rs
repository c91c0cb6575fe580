//! Transactions ("Transactions (Transact-SQL)"): a count, of which only the outermost is SQLite's.

use super::session::Engine;
use crate::catalog::quote;
use crate::error::{Error, Result};
use crate::messages;
use crate::tds::out::Out;
use crate::tds::token;

/// The transaction descriptor that ENVCHANGE tells (MS-TDS §2.2.7.9); a session has one at a time.
const DESCRIPTOR: [u8; 8] = 1u64.to_le_bytes();

impl Engine {
    pub(super) fn begin(&mut self, out: &mut Out) -> Result<()> {
        if self.transaction_count == 0 {
            self.refresh();
            self.sqlite_batch("BEGIN")?;
            out.write(|b| token::env_bytes(8, &DESCRIPTOR, &[], b))?;
        }
        self.transaction_count += 1;
        Ok(())
    }

    /// COMMIT as a statement.
    pub(super) fn commit_unless_doomed(&mut self, out: &mut Out) -> Result<()> {
        if self.doomed {
            return Err(messages::transaction_is_doomed());
        }
        self.commit(out)
    }

    pub(super) fn commit(&mut self, out: &mut Out) -> Result<()> {
        match self.transaction_count {
            0 => return Err(messages::nothing_to_commit()),
            1 => {
                self.sqlite_batch("COMMIT")?;
                self.transaction_count = 0;
                for position in std::mem::take(&mut self.altered) {
                    self.shared.publish(position, self.catalogs[position].clone());
                }
                out.write(|b| token::env_bytes(9, &[], &DESCRIPTOR, b))?;
            }
            _ => self.transaction_count -= 1,
        }
        Ok(())
    }

    /// All of it, however deep the count is.
    pub(super) fn rollback(&mut self, out: &mut Out) -> Result<()> {
        if self.transaction_count == 0 {
            return Err(messages::nothing_to_roll_back());
        }
        // A variable's rows outlive a rollback, and those of the engine below do not.
        if self.temporary.iter().any(|t| t.name.starts_with('@')) {
            return Err(Error::unsupported("ROLLBACK while a table variable is declared"));
        }
        self.rollback_quietly()?;
        out.write(|b| token::env_bytes(10, &[], &DESCRIPTOR, b))
    }

    /// A transaction that cannot be committed does not outlive its batch. Whether there was one.
    pub(super) fn end_doomed(&mut self, out: &mut Out) -> bool {
        let is_doomed = self.doomed && self.transaction_count > 0 && out.check().is_ok();
        if is_doomed {
            self.write_error(&messages::uncommittable_transaction(), out);
            let _ = self.rollback(out);
        }
        is_doomed
    }

    /// A rollback that the client is not told of.
    pub(super) fn rollback_quietly(&mut self) -> Result<()> {
        self.transaction_count = 0;
        self.altered.clear();
        self.doomed = false;
        if !self.connection.is_autocommit() {
            self.sqlite_batch("ROLLBACK")?;
        }
        // What was made before the transaction is still there.
        let left: Vec<String> = self
            .connection
            .prepare("SELECT name FROM sqlite_temp_master")
            .and_then(|mut q| q.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.translate(e, None))?;
        let left: Vec<String> = left.iter().map(|n| format!("temp.{}", quote(n))).collect();
        self.temporary.retain(|t| left.contains(&t.table.physical));
        self.refresh();
        Ok(())
    }
}
