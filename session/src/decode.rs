//! The tokens of an answer, from bytes of which the end may not have come yet: everything that is
//! there is read, and what is known of the rest is kept (MS-TDS 2.2.7).

mod cell;
mod chars;
pub(crate) mod pieces;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::cell::Cells;
use crate::column::{self, Column};
use crate::cursor::{Cursor, Stop};
use crate::event::{Event, ReturnValue};
use crate::sink::{Json, Sink};
use crate::token::{self, id};
use crate::types;

/// Bytes of the longest COLMETADATA that is kept: some hundred columns.
const KNOWN: usize = 8 << 10;

/// How much of an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Characters of one text, or twice the bytes of one binary value. What is beyond is skipped as
    /// it comes, and counted.
    pub max_cell: u64,
    /// Characters that all texts of a row take in JSON; behind it each takes 64.
    pub max_row: u64,
    /// What SET TEXTSIZE was set to, in bytes: a value of that length may have been cut.
    pub text_size: Option<u64>,
}

/// Where the reading of an answer stands. Every field is in place before more bytes are waited for.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    columns: Arc<[Column]>,
    /// Of COLMETADATA, as far as it was read.
    coming: Vec<Column>,
    /// The last COLMETADATA that came in one piece, and what it says: who asks the same again is
    /// answered with the same.
    known: (Vec<u8>, Arc<[Column]>),
    /// The columns are whole, and nobody was told yet.
    unannounced: bool,
    cells: Cells,
    json: Json,
    /// The version of DATACLASSIFICATION that was agreed; 0 for none.
    classification: u8,
}

#[derive(Debug)]
enum State {
    /// Between two tokens, or before the first.
    Token,
    /// Within COLMETADATA, with so many columns left.
    Columns(u16),
    /// Within a row, before this column.
    Row(usize),
    /// Before the value of RETURNVALUE.
    Return(Box<ReturnValue>),
    /// Within a token that is skipped.
    Skip(u64),
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_cell: u64::MAX, max_row: u64::MAX, text_size: None }
    }
}

// === impl Decoder ===

impl Decoder {
    pub(crate) fn new(classification: u8) -> Self {
        Self {
            state: State::Token,
            columns: Arc::new([]),
            coming: Vec::new(),
            known: (Vec::new(), Arc::new([])),
            unannounced: false,
            cells: Cells::default(),
            json: Json::new(),
            classification,
        }
    }

    /// A new answer begins.
    pub(crate) fn begin(&mut self, bounds: Bounds) {
        self.state = State::Token;
        self.columns = Arc::new([]);
        self.coming.clear();
        self.unannounced = false;
        self.cells.begin(bounds);
    }

    /// Of what is still to come nothing is wanted.
    pub(crate) fn keep_nothing(&mut self) {
        self.cells.keep_nothing();
    }

    /// A further message of an answer that nobody wants begins.
    pub(crate) fn begin_discarding(&mut self) {
        self.begin(Bounds { max_cell: 0, ..Bounds::default() });
    }

    /// Whether the answer may end here.
    pub(crate) fn between_tokens(&self) -> bool {
        matches!(self.state, State::Token) && !self.unannounced
    }

    /// Reads up to the next event. What of `c` was taken is done with, also where more is needed.
    pub(crate) fn step<S: Sink>(
        &mut self,
        c: &mut Cursor<'_>,
        sink: &mut S,
    ) -> Result<Event, Stop> {
        loop {
            match &mut self.state {
                State::Token => {
                    if let Some(event) = self.token(c, sink)? {
                        return Ok(event);
                    }
                }
                State::Columns(left) => {
                    while *left > 0 {
                        self.coming.push(attempt(c, Column::read)?);
                        *left -= 1;
                    }
                    self.state = State::Token;
                    self.unannounced = true;
                }
                State::Row(next) => {
                    self.cells.row(c, &self.columns, next, sink)?;
                    self.state = State::Token;
                    sink.row_end();
                    return Ok(Event::Row);
                }
                State::Return(value) => {
                    self.cells.cell(c, 0, &value.ty, &mut self.json)?;
                    let mut value = std::mem::replace(value, Box::new(nothing_returned()));
                    self.state = State::Token;
                    value.json = String::from_utf8_lossy(self.json.out()).into_owned();
                    self.json = Json::new();
                    return Ok(Event::ReturnValue(value));
                }
                State::Skip(left) => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(c.rest().len());
                    c.take(n)?;
                    *left -= n as u64;
                    if *left > 0 {
                        return Err(Stop::More);
                    }
                    self.state = State::Token;
                }
            }
        }
    }

    /// Reads a token that comes whole, or goes into one that comes in pieces.
    #[inline]
    fn token<S: Sink>(&mut self, c: &mut Cursor<'_>, sink: &mut S) -> Result<Option<Event>, Stop> {
        if self.unannounced {
            return self.announce(c).map(Some);
        }
        match c.rest().first() {
            None => Err(Stop::More),
            Some(&id @ (id::ROW | id::NBCROW)) => {
                if self.columns.is_empty() {
                    return Err(Stop::Bad("a row without columns"));
                }
                let columns = self.columns.len();
                let nulls = if id == id::NBCROW { columns.div_ceil(8) } else { 0 };
                self.cells.begin_row(attempt(c, |c| c.take(1 + nulls))?.get(1..));
                sink.row();
                self.state = State::Row(0);
                Ok(None)
            }
            Some(&id::COLMETADATA) if self.columns_at_once(c)? => Ok(None),
            Some(&id::COLMETADATA) => {
                let n = attempt(c, column::count)?;
                self.columns = Arc::new([]);
                self.coming.clear();
                if let Some(n) = n {
                    self.coming.reserve(usize::from(n).min(1024));
                    self.state = State::Columns(n);
                }
                Ok(None)
            }
            Some(&id::RETURNVALUE) => {
                let value = attempt(c, return_value)?;
                self.cells.begin_row(None);
                self.state = State::Return(Box::new(value));
                Ok(None)
            }
            Some(&id::SESSIONSTATE) => {
                let n = attempt(c, |c| {
                    c.u8()?;
                    c.u32()
                })?;
                self.state = State::Skip(n.into());
                Ok(Some(Event::SessionState(n.into())))
            }
            Some(&id::DATACLASSIFICATION) => {
                self.classify(c)?;
                Ok(None)
            }
            Some(_) => attempt(c, whole).map(Some),
        }
    }

    /// Reads COLMETADATA if all of it is there; nearly all are.
    fn columns_at_once(&mut self, c: &mut Cursor<'_>) -> Result<bool, Stop> {
        let (rest, (known, columns)) = (c.rest(), &self.known);
        self.coming.clear();
        if !known.is_empty() && rest.starts_with(known) {
            c.take(known.len())?;
            (self.columns, self.unannounced) = (columns.clone(), true);
            return Ok(true);
        }
        let mut ahead = *c;
        let columns = match column::read_all(&mut ahead) {
            Ok(columns) => columns,
            Err(Stop::More) => return Ok(false),
            Err(bad) => return Err(bad),
        };
        let read = &rest[..rest.len() - ahead.rest().len()];
        *c = ahead;
        self.unannounced = columns.is_some();
        self.columns = columns.unwrap_or_default().into();
        if self.unannounced && read.len() <= KNOWN {
            self.known = (read.to_vec(), self.columns.clone());
        }
        Ok(true)
    }

    /// Says which columns there are, with their labels where these follow at once.
    fn announce(&mut self, c: &mut Cursor<'_>) -> Result<Event, Stop> {
        if self.columns.is_empty() {
            self.columns = std::mem::take(&mut self.coming).into();
        }
        if self.classification > 0 {
            match c.rest().first() {
                None => return Err(Stop::More),
                Some(&id::DATACLASSIFICATION) => self.classify(c)?,
                Some(_) => {}
            }
        }
        self.unannounced = false;
        Ok(Event::Columns(self.columns.clone()))
    }

    fn classify(&mut self, c: &mut Cursor<'_>) -> Result<(), Stop> {
        let version = self.classification;
        let labels = attempt(c, |c| {
            c.u8()?;
            column::labels(c, version)
        })?;
        let mut columns = self.columns.to_vec();
        columns.iter_mut().zip(labels).for_each(|(c, l)| c.labels = l);
        self.columns = columns.into();
        Ok(())
    }
}

/// Reads a piece as a whole or not at all.
#[inline]
fn attempt<'a, T>(
    c: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let mut ahead = *c;
    let read = read(&mut ahead)?;
    *c = ahead;
    Ok(read)
}

/// A token that is waited for as a whole, with its first byte.
fn whole(c: &mut Cursor<'_>) -> Result<Event, Stop> {
    Ok(match c.u8()? {
        id @ (id::DONE | id::DONEPROC | id::DONEINPROC) => Event::Done(token::done(id, c)?),
        id::ERROR => Event::Error(Box::new(token::message(c)?)),
        id::INFO => Event::Info(Box::new(token::message(c)?)),
        id::ENVCHANGE => Event::Environment(token::environment(c)?),
        id::RETURNSTATUS => Event::ReturnStatus(c.u32()? as i32),
        id::ORDER => Event::Order(token::order(c)?),
        id::TABNAME => Event::Tables(token::tables(c)?),
        id::COLINFO => Event::Origins(token::origins(c)?),
        id::FEATUREEXTACK => Event::Features(token::features(c)?),
        id::LOGINACK => Event::LoginAck(token::login_ack(c)?),
        _ => return Err(Stop::Bad("a token that no answer has")),
    })
}

/// RETURNVALUE up to its value (MS-TDS 2.2.7.19).
fn return_value(c: &mut Cursor<'_>) -> Result<ReturnValue, Stop> {
    c.u8()?;
    let (ordinal, name) = (c.u16()?, c.b_varchar()?);
    let (_status, _user_type, _flags) = (c.u8()?, c.u32()?, c.u16()?);
    Ok(ReturnValue { ordinal, name, ty: types::read(c)?, json: String::new() })
}

fn nothing_returned() -> ReturnValue {
    let ty = types::TypeInfo::of(types::Type::Null, types::Length::Fixed, 0);
    ReturnValue { ordinal: 0, name: String::new(), ty, json: String::new() }
}
