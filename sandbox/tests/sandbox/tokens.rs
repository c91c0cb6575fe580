//! An answer's tokens (MS-TDS §2.2.7) with everything that they hold: names, types, values, errors,
//! messages, counts, statuses. Also read by the golden scripts in `src/golden.rs`.

use std::fmt::Write as _;

/// One thing of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The names of the columns of the rows that follow.
    Names(Vec<String>),
    /// Its columns' types, and its rows, one text per row.
    Rows(Vec<String>, Vec<String>),
    Error(Notice),
    Info(Notice),
    /// The token, its status and its count.
    Done(u8, u16, u64),
    Status(i32),
    Value(String),
    Env(u8),
}

/// An ERROR or INFO token (MS-TDS §2.2.7.10, §2.2.7.13).
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub number: u32,
    pub state: u8,
    pub class: u8,
    pub text: String,
    pub line: u32,
}

fn narrow(b: &[u8]) -> String {
    String::from_utf16_lossy(
        &b.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect::<Vec<_>>(),
    )
}

struct Tokens<'a>(&'a [u8]);

impl Tokens<'_> {
    fn take(&mut self, n: usize) -> Vec<u8> {
        assert!(n <= self.0.len(), "{n} of {} bytes", self.0.len());
        let (a, b) = self.0.split_at(n);
        self.0 = b;
        a.to_vec()
    }

    fn n(&mut self, n: usize) -> u64 {
        self.take(n).iter().rev().fold(0, |a, b| a << 8 | u64::from(*b))
    }

    fn text(&mut self, length: usize) -> String {
        let n = self.n(length) as usize;
        narrow(&self.take(2 * n))
    }

    fn ty(&mut self) -> (u8, u32, u8) {
        let kind = self.take(1)[0];
        match kind {
            0x24 | 0x26 | 0x68 | 0x6D | 0x6E | 0x6F => (kind, self.n(1) as u32, 0),
            0x29..=0x2B => (kind, 0, self.n(1) as u8),
            0x28 => (kind, 0, 0),
            0x6A | 0x6C => {
                self.n(1);
                (kind, self.n(1) as u32, self.n(1) as u8)
            }
            0xA7 | 0xAF | 0xE7 | 0xEF => {
                let n = self.n(2) as u32;
                self.take(5);
                (kind, n, 0)
            }
            0xA5 | 0xAD => (kind, self.n(2) as u32, 0),
            0xF1 => {
                self.n(1);
                (kind, 0xFFFF, 0)
            }
            0x62 => (kind, self.n(4) as u32, 0),
            k => panic!("type {k:#x}"),
        }
    }

    fn value(&mut self, ty: (u8, u32, u8)) -> String {
        let (kind, size, scale) = ty;
        let bytes = if size == 0xFFFF {
            let n = self.n(8);
            if n == u64::MAX {
                return "NULL".into();
            }
            let mut all = Vec::new();
            loop {
                match self.n(4) as usize {
                    0 => break all,
                    n => all.extend(self.take(n)),
                }
            }
        } else if matches!(kind, 0xA5 | 0xA7 | 0xAD | 0xAF | 0xE7 | 0xEF) {
            match self.n(2) as usize {
                0xFFFF => return "NULL".into(),
                n => self.take(n),
            }
        } else {
            match self.n(1) as usize {
                0 => return "NULL".into(),
                n => self.take(n),
            }
        };
        let le = |b: &[u8]| b.iter().rev().fold(0u64, |a, b| a << 8 | u64::from(*b));
        let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02X}")).collect::<String>();
        let day = |n: i64| {
            // Days since 0001-01-01 to a date, by years.
            let (mut y, mut left) = (1i64, n);
            let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
            while left >= 365 + i64::from(leap(y)) {
                left -= 365 + i64::from(leap(y));
                y += 1;
            }
            let months = [31, 28 + i64::from(leap(y)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let mut m = 0;
            while left >= months[m] {
                left -= months[m];
                m += 1;
            }
            format!("{y:04}-{:02}-{:02}", m + 1, left + 1)
        };
        let clock = |units: u64, scale: u8| {
            let per = 10u64.pow(u32::from(scale));
            let s = units / per;
            let mut t = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
            if scale > 0 {
                let _ = write!(t, ".{:0w$}", units % per, w = usize::from(scale));
            }
            t
        };
        let b = &bytes;
        match kind {
            0x24 => {
                let h = |r: &[u8]| hex(&r.iter().rev().copied().collect::<Vec<_>>());
                format!(
                    "{}-{}-{}-{}-{}",
                    h(&b[..4]),
                    h(&b[4..6]),
                    h(&b[6..8]),
                    hex(&b[8..10]),
                    hex(&b[10..])
                )
            }
            0x26 if size == 1 => b[0].to_string(),
            0x26 => (((le(b) << (64 - 8 * b.len())) as i64) >> (64 - 8 * b.len())).to_string(),
            0x68 => b[0].to_string(),
            0x6D if b.len() == 4 => format!("{:?}", f32::from_bits(le(b) as u32)),
            0x6D => format!("{:?}", f64::from_bits(le(b))),
            0x6E => {
                let v = if b.len() == 4 {
                    i64::from(le(b) as i32)
                } else {
                    (le(&b[..4]) << 32 | le(&b[4..])) as i64
                };
                format!(
                    "{}{}.{:04}",
                    if v < 0 { "-" } else { "" },
                    v.unsigned_abs() / 10_000,
                    v.unsigned_abs() % 10_000
                )
            }
            0x6F if b.len() == 4 => {
                format!("{} {}", day(le(&b[..2]) as i64 + 693_595), clock(le(&b[2..]) * 60, 0))
            }
            0x6F => {
                let units = le(&b[4..]);
                let ms = (units * 10 + 1) / 3;
                format!("{} {}", day(i64::from(le(&b[..4]) as i32) + 693_595), clock(ms, 3))
            }
            0x6A | 0x6C => {
                let u = b[1..].iter().rev().fold(0u128, |a, b| a << 8 | u128::from(*b));
                let digits = format!("{u:0w$}", w = usize::from(scale) + 1);
                let at = digits.len() - usize::from(scale);
                let point = if scale > 0 { "." } else { "" };
                format!(
                    "{}{}{point}{}",
                    if b[0] == 0 { "-" } else { "" },
                    &digits[..at],
                    &digits[at..]
                )
            }
            0x28 => day(le(b) as i64),
            0x29 => clock(le(b), scale),
            0x2A => format!(
                "{} {}",
                day(le(&b[b.len() - 3..]) as i64),
                clock(le(&b[..b.len() - 3]), scale)
            ),
            0x2B => {
                let n = b.len();
                let minutes = i16::from_le_bytes([b[n - 2], b[n - 1]]);
                let per = 10i64.pow(u32::from(scale));
                let utc = le(&b[n - 5..n - 2]) as i64 * 86_400 * per + le(&b[..n - 5]) as i64;
                let local = utc + i64::from(minutes) * 60 * per;
                let sign = if minutes < 0 { '-' } else { '+' };
                let m = minutes.abs();
                format!(
                    "{} {} {sign}{:02}:{:02}",
                    day(local.div_euclid(86_400 * per)),
                    clock(local.rem_euclid(86_400 * per) as u64, scale),
                    m / 60,
                    m % 60
                )
            }
            0xA7 | 0xAF => format!("'{}'", b.iter().map(|b| char::from(*b)).collect::<String>()),
            0xE7 | 0xEF | 0xF1 => format!("'{}'", narrow(b)),
            _ => format!("0x{}", hex(b)),
        }
    }
}

fn name(ty: (u8, u32, u8)) -> String {
    let (kind, size, scale) = ty;
    let sized = |name: &str, unit: u32| match size {
        0xFFFF => format!("{name}(max)"),
        n => format!("{name}({})", n / unit),
    };
    match kind {
        0x24 => "uniqueidentifier".into(),
        0x26 => ["", "tinyint", "smallint", "", "int", "", "", "", "bigint"][size as usize].into(),
        0x68 => "bit".into(),
        0x6D => if size == 4 { "real" } else { "float" }.into(),
        0x6E => if size == 4 { "smallmoney" } else { "money" }.into(),
        0x6F => if size == 4 { "smalldatetime" } else { "datetime" }.into(),
        0x6A | 0x6C => format!("decimal({size},{scale})"),
        0x28 => "date".into(),
        0x29 => format!("time({scale})"),
        0x2A => format!("datetime2({scale})"),
        0x2B => format!("datetimeoffset({scale})"),
        0xA7 => sized("varchar", 1),
        0xAF => sized("char", 1),
        0xE7 => sized("nvarchar", 2),
        0xEF => sized("nchar", 2),
        0xA5 => sized("varbinary", 1),
        0xAD => sized("binary", 1),
        0xF1 => "xml".into(),
        _ => "sql_variant".into(),
    }
}

/// All tokens of an answer.
pub fn items(payload: &[u8]) -> Vec<Item> {
    let mut t = Tokens(payload);
    let mut out: Vec<Item> = Vec::new();
    let mut types = Vec::new();
    while !t.0.is_empty() {
        match t.take(1)[0] {
            0x81 => {
                types.clear();
                let mut names = Vec::new();
                for _ in 0..t.n(2) {
                    t.take(6);
                    types.push(t.ty());
                    names.push(t.text(1));
                }
                out.push(Item::Names(names));
                out.push(Item::Rows(types.iter().map(|t| name(*t)).collect(), Vec::new()));
            }
            0xD1 => {
                let row: Vec<String> = types.iter().map(|ty| t.value(*ty)).collect();
                if let Some(Item::Rows(_, rows)) = out.last_mut() {
                    rows.push(row.join(", "));
                }
            }
            kind @ (0xAA | 0xAB) => {
                let n = t.n(2) as usize;
                let body = t.take(n);
                let mut body = Tokens(&body);
                let (number, state, class) = (body.n(4) as u32, body.n(1) as u8, body.n(1) as u8);
                let text = body.text(2);
                body.text(1);
                body.text(1);
                let notice = Notice { number, state, class, text, line: body.n(4) as u32 };
                out.push(if kind == 0xAA { Item::Error(notice) } else { Item::Info(notice) });
            }
            kind @ 0xFD..=0xFF => {
                let status = t.n(2) as u16;
                t.n(2);
                out.push(Item::Done(kind, status, t.n(8)));
            }
            0x79 => out.push(Item::Status(t.n(4) as u32 as i32)),
            0xAC => {
                t.n(2);
                t.text(1);
                t.take(7);
                let ty = t.ty();
                out.push(Item::Value(format!("{} {}", name(ty), t.value(ty))));
            }
            0xE3 => {
                let n = t.n(2) as usize;
                out.push(Item::Env(t.take(n)[0]));
            }
            0xAD => {
                let n = t.n(2) as usize;
                t.take(n);
            }
            k => panic!("token {k:#x}"),
        }
    }
    out
}
