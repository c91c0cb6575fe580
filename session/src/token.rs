//! Tokens that come whole: messages, DONE, ENVCHANGE and the small ones (MS-TDS 2.2.7).

use crate::cursor::{Cursor, Stop};
use crate::event::{Command, Done, Environment, LoginAck, Message, Origin, Scope};

/// The bytes that tokens begin with (MS-TDS 2.2.4).
pub(crate) mod id {
    pub(crate) const RETURNSTATUS: u8 = 0x79;
    pub(crate) const COLMETADATA: u8 = 0x81;
    pub(crate) const DATACLASSIFICATION: u8 = 0xA3;
    pub(crate) const TABNAME: u8 = 0xA4;
    pub(crate) const COLINFO: u8 = 0xA5;
    pub(crate) const ORDER: u8 = 0xA9;
    pub(crate) const ERROR: u8 = 0xAA;
    pub(crate) const INFO: u8 = 0xAB;
    pub(crate) const RETURNVALUE: u8 = 0xAC;
    pub(crate) const LOGINACK: u8 = 0xAD;
    pub(crate) const FEATUREEXTACK: u8 = 0xAE;
    pub(crate) const ROW: u8 = 0xD1;
    pub(crate) const NBCROW: u8 = 0xD2;
    pub(crate) const ENVCHANGE: u8 = 0xE3;
    pub(crate) const SESSIONSTATE: u8 = 0xE4;
    pub(crate) const SSPI: u8 = 0xED;
    pub(crate) const FEDAUTHINFO: u8 = 0xEE;
    pub(crate) const DONE: u8 = 0xFD;
    pub(crate) const DONEPROC: u8 = 0xFE;
    pub(crate) const DONEINPROC: u8 = 0xFF;
}

/// The most that one feature's acknowledgement may hold.
const MAX_FEATURE: u32 = 64 << 10;

/// The content of a token that has its length in two bytes in front: what is inside must not reach
/// beyond it.
pub(crate) fn bounded<'a>(c: &mut Cursor<'a>) -> Result<Cursor<'a>, Stop> {
    let n = usize::from(c.u16()?);
    c.take(n).map(Cursor::new)
}

/// Within a token that is there as a whole, a field that does not fit is malformed.
pub(crate) fn whole<T>(read: Result<T, Stop>, what: &'static str) -> Result<T, Stop> {
    read.map_err(|e| if e == Stop::More { Stop::Bad(what) } else { e })
}

/// ERROR and INFO, behind their length.
pub(crate) fn message(c: &mut Cursor<'_>) -> Result<Message, Stop> {
    let mut c = bounded(c)?;
    let mut read = || {
        Ok(Message {
            number: c.u32()? as i32,
            state: c.u8()?,
            severity: c.u8()?,
            text: c.us_varchar()?,
            server: c.b_varchar()?,
            procedure: c.b_varchar()?,
            line: c.u32()?,
        })
    };
    whole(read(), "a message that ends early")
}

/// DONE, DONEPROC and DONEINPROC, behind their first byte.
pub(crate) fn done(token: u8, c: &mut Cursor<'_>) -> Result<Done, Stop> {
    let (status, command, count) = (c.u16()?, c.u16()?, c.u64()?);
    Ok(Done {
        scope: match token {
            id::DONE => Scope::Batch,
            id::DONEPROC => Scope::Procedure,
            _ => Scope::InProcedure,
        },
        command: Command::of(command),
        count: (status & 0x10 != 0).then_some(count),
        more: status & 0x01 != 0,
        error: status & 0x02 != 0,
        attention: status & 0x20 != 0,
        server_error: status & 0x100 != 0,
        in_transaction: status & 0x04 != 0,
    })
}

/// ENVCHANGE, behind its first byte.
pub(crate) fn environment(c: &mut Cursor<'_>) -> Result<Environment, Stop> {
    let mut c = bounded(c)?;
    whole(changed(&mut c), "an ENVCHANGE that ends early")
}

fn changed(c: &mut Cursor<'_>) -> Result<Environment, Stop> {
    Ok(match c.u8()? {
        1 => Environment::Database(c.b_varchar()?),
        2 => Environment::Language(c.b_varchar()?),
        // Digits as text.
        4 => match c.b_varchar()?.parse() {
            Ok(n @ 512..=32_767) => Environment::PacketSize(n),
            _ => return Err(Stop::Bad("a packet size that cannot be")),
        },
        7 => match c.b_varbyte()?.try_into() {
            Ok(collation) => Environment::Collation(collation),
            Err(_) => Environment::Other(7),
        },
        8..=12 | 17 => {
            let new = c.b_varbyte()?;
            Environment::Transaction(new.try_into().map_or(0, u64::from_le_bytes))
        }
        13 => Environment::Partner(c.b_varchar()?),
        18 => Environment::Reset,
        20 => {
            // USHORT length; protocol (0: TCP), port, and the name as US_VARCHAR.
            let (_length, _protocol, port) = (c.u16()?, c.u8()?, c.u16()?);
            Environment::Routing { host: c.us_varchar()?, port }
        }
        other => Environment::Other(other),
    })
}

/// LOGINACK, behind its first byte.
pub(crate) fn login_ack(c: &mut Cursor<'_>) -> Result<LoginAck, Stop> {
    let mut c = bounded(c)?;
    let mut read = || {
        c.u8()?;
        // Unlike other numbers it has its highest byte first.
        let tds = c.u32()?.swap_bytes();
        let program = c.b_varchar()?.trim_end_matches('\0').to_owned();
        let (major, minor) = (c.u8()?, c.u8()?);
        let build = c.u16()?.swap_bytes();
        Ok(LoginAck { tds, program, version: (major, minor, build) })
    };
    whole(read(), "a LOGINACK that ends early")
}

/// FEATUREEXTACK, behind its first byte: no length in front, 0xFF at the end.
pub(crate) fn features(c: &mut Cursor<'_>) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
    let mut all = Vec::new();
    loop {
        let feature = c.u8()?;
        if feature == 0xFF {
            return Ok(all);
        }
        let n = c.u32()?;
        if n > MAX_FEATURE || all.len() > 32 {
            return Err(Stop::Bad("an acknowledgement of features that is too long"));
        }
        all.push((feature, c.take(n as usize)?.to_vec()));
    }
}

/// ORDER, behind its first byte.
pub(crate) fn order(c: &mut Cursor<'_>) -> Result<Vec<u16>, Stop> {
    let c = bounded(c)?;
    Ok(c.rest().chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect())
}

/// TABNAME, behind its first byte.
pub(crate) fn tables(c: &mut Cursor<'_>) -> Result<Vec<Vec<String>>, Stop> {
    let mut c = bounded(c)?;
    let mut all = Vec::new();
    while !c.rest().is_empty() {
        let mut parts = || (0..c.u8()?).map(|_| c.us_varchar()).collect();
        all.push(whole(parts(), "a TABNAME that ends early")?);
    }
    Ok(all)
}

/// COLINFO, behind its first byte.
pub(crate) fn origins(c: &mut Cursor<'_>) -> Result<Vec<Origin>, Stop> {
    let mut c = bounded(c)?;
    let mut all = Vec::new();
    while !c.rest().is_empty() {
        let mut one = || {
            let (column, table, status) = (c.u8()?, c.u8()?, c.u8()?);
            Ok(Origin {
                column,
                table,
                expression: status & 0x04 != 0,
                key: status & 0x08 != 0,
                hidden: status & 0x10 != 0,
                name: if status & 0x20 != 0 { Some(c.b_varchar()?) } else { None },
            })
        };
        all.push(whole(one(), "a COLINFO that ends early")?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(t: &str) -> Vec<u8> {
        t.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_message_has_all_its_parts() {
        let mut inner = vec![0xD3, 0x0F, 0, 0, 1, 16, 2, 0];
        inner.extend(utf16("no"));
        inner.push(1);
        inner.extend(utf16("S"));
        inner.push(1);
        inner.extend(utf16("p"));
        inner.extend([7, 0, 0, 0]);
        let mut token = (inner.len() as u16).to_le_bytes().to_vec();
        token.extend(&inner);
        let m = message(&mut Cursor::new(&token)).expect("a message");
        assert_eq!((m.number, m.state, m.severity, m.line), (4051, 1, 16, 7));
        assert_eq!((&*m.text, &*m.server, &*m.procedure), ("no", "S", "p"));
        for end in 0..token.len() {
            assert_eq!(message(&mut Cursor::new(&token[..end])), Err(Stop::More));
        }
        // A length that cuts it short is malformed, not unfinished.
        token[0] -= 1;
        assert!(matches!(message(&mut Cursor::new(&token)), Err(Stop::Bad(_))));
    }

    #[test]
    fn a_count_is_one_only_where_its_bit_says_so() {
        let done_of = |status: u8, count: u8| {
            let bytes = [status, 0, 0xC4, 0, count, 0, 0, 0, 0, 0, 0, 0];
            done(id::DONE, &mut Cursor::new(&bytes)).expect("whole")
        };
        assert_eq!((done_of(0x10, 0).count, done_of(0, 7).count), (Some(0), None));
        let all = done_of(0x27, 0);
        assert!(all.more && all.error && all.in_transaction && all.attention);
        assert_eq!((all.command, all.command.changes()), (Command::Delete, true));
    }

    #[test]
    fn a_descriptor_comes_and_goes() {
        let read = |b: &[u8]| environment(&mut Cursor::new(b));
        let begin = [11, 0, 8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        assert_eq!(read(&begin), Ok(Environment::Transaction(0x0807_0605_0403_0201)));
        let commit = [11, 0, 9, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(read(&commit), Ok(Environment::Transaction(0)));
        assert_eq!(read(&[3, 0, 18, 0, 0]), Ok(Environment::Reset));
        assert_eq!(read(&[3, 0, 99, 0, 0]), Ok(Environment::Other(99)));
        assert!(matches!(read(&[2, 0, 1, 9]), Err(Stop::Bad(_))));
    }

    #[test]
    fn a_login_that_belongs_elsewhere_says_where() {
        let mut token = vec![14, 0, 20, 9, 0, 0, 0x99, 0x05, 2, 0];
        token.extend(utf16("db"));
        token.extend([0, 0]);
        let routed = environment(&mut Cursor::new(&token));
        assert_eq!(routed, Ok(Environment::Routing { host: "db".into(), port: 1433 }));
    }
}
