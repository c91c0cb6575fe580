//! What the sandbox itself never sends, made by hand: types of a fixed length, text, ntext and
//! image, numeric, the code pages of collations, and rows that leave their NULLs out (NBCROW).

use mssql_mcp_sandbox::types::Type;
use mssql_mcp_sandbox::{Options, Sandbox, Script};
use mssql_mcp_session::{Session, Tls};

use super::super::tokens::{SELECT, columns, done, sized, utf16};
use super::super::{Dice, target};
use super::{compare, driver};

/// A column: what it is compared as, whether it can be NULL, its TYPE_INFO, and its values.
struct Form {
    like: Type,
    nullable: bool,
    info: Vec<u8>,
    values: Vec<Vec<u8>>,
}

const ROWS: usize = 500;

fn fixed(like: Type, id: u8, values: &[&[u8]]) -> Form {
    let values = values.iter().map(|v| v.to_vec()).collect();
    Form { like, nullable: false, info: vec![id], values }
}

/// varchar(40) of a language, with characters that are its own.
fn page(language: u16, bytes: &[u8]) -> Form {
    let [low, high] = language.to_le_bytes();
    let info = vec![0xA7, 40, 0, low, high, 0xD0, 0, 0];
    let values = vec![sized(bytes), sized(b""), sized(&[b"ascii ", bytes].concat())];
    Form { like: Type::Int, nullable: true, info, values }
}

/// text, ntext or image, behind the pointer that nobody needs.
fn pointed(id: u8, contents: &[&[u8]]) -> Form {
    let mut info = vec![id, 0xFF, 0xFF, 0xFF, 0x7F];
    if id != 0x22 {
        info.extend([0x09, 0x04, 0xD0, 0x00, 0x34]);
    }
    // The table's name, in two parts.
    info.push(2);
    for part in ["dbo", "Old"] {
        info.extend((part.len() as u16).to_le_bytes());
        info.extend(part.encode_utf16().flat_map(u16::to_le_bytes));
    }
    let value = |content: &&[u8]| {
        let pointer = [&[16][..], &[7; 16], &[9; 8]].concat();
        [pointer, (content.len() as u32).to_le_bytes().to_vec(), content.to_vec()].concat()
    };
    Form { like: Type::Int, nullable: true, info, values: contents.iter().map(value).collect() }
}

/// PLP of a length that is told or not, in pieces.
fn pieces(told: bool, all: &[&[u8]]) -> Vec<u8> {
    let length = all.iter().map(|p| p.len() as u64).sum::<u64>();
    let mut out = if told { length } else { u64::MAX - 1 }.to_le_bytes().to_vec();
    for piece in all {
        out.extend((piece.len() as u32).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out.extend([0; 4]);
    out
}

fn forms() -> Vec<Form> {
    let numeric = |sign: u8, digits: u64| [&[9, sign][..], &digits.to_le_bytes()].concat();
    let wide: Vec<u8> = "ß日😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![
        fixed(Type::Int, 0x30, &[&[0], &[255]]),
        fixed(Type::Int, 0x32, &[&[0], &[1]]),
        fixed(Type::Int, 0x34, &[&[0, 128], &[255, 127]]),
        fixed(Type::Int, 0x38, &[&[0, 0, 0, 128], &[255, 255, 255, 127]]),
        fixed(Type::Int, 0x7F, &[&i64::MIN.to_le_bytes(), &[1, 0, 0, 0, 0, 0, 32, 0]]),
        fixed(Type::Real, 0x3B, &[&0.1f32.to_le_bytes(), &f32::MAX.to_le_bytes()]),
        fixed(Type::Float, 0x3E, &[&0.1f64.to_le_bytes(), &f64::MIN.to_le_bytes()]),
        fixed(Type::Money, 0x3C, &[&[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF], &[0; 8]]),
        fixed(Type::SmallMoney, 0x7A, &[&i32::MIN.to_le_bytes(), &1i32.to_le_bytes()]),
        fixed(Type::Int, 0x3D, &[&[0, 0, 0, 0, 1, 0, 0, 0], &[0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0]]),
        fixed(Type::Int, 0x3A, &[&[0xFF, 0xFF, 0x9F, 0x05], &[0; 4]]),
        Form {
            like: Type::Int,
            nullable: true,
            info: vec![0x6C, 9, 18, 6],
            values: vec![numeric(1, 123_456_789_012_345_678), numeric(0, 1), numeric(1, 0)],
        },
        pointed(0x23, &[b"text", b"", &[0xE9, 0x80]]),
        pointed(0x63, &[&wide, b""]),
        pointed(0x22, &[&[1, 255, 0], b""]),
        Form {
            like: Type::Int,
            nullable: true,
            info: vec![0xE7, 0xFF, 0xFF, 0x09, 0x04, 0xD0, 0x00, 0x34],
            // A unit, and a pair of surrogates, over two pieces.
            values: vec![
                pieces(false, &[&wide[..1], &wide[1..5], &wide[5..6], &wide[6..]]),
                pieces(true, &[&wide[..7], &wide[7..]]),
                pieces(false, &[]),
            ],
        },
    ];
    all.extend([
        page(0x0405, &[0xE8, 0x9A, 0xF8]),
        page(0x0419, &[0xCF, 0xF0, 0xE8]),
        page(0x0408, &[0xC1, 0xE1, 0xF9]),
        page(0x041F, &[0xFE, 0xFD, 0xF0]),
        page(0x040D, &[0xF9, 0xEC, 0xE5]),
        page(0x0401, &[0xD3, 0xE1, 0xC7]),
        page(0x0425, &[0xF5, 0xE4, 0xFE]),
        page(0x042A, &[0xE2, 0xF5, 0xFE]),
        page(0x041E, &[0xA1, 0xD2, 0xE4]),
        page(0x0411, &[0x93, 0xFA, 0xB1, 0x96, 0x7B]),
        page(0x0804, &[0xD6, 0xD0, 0xB9, 0xFA]),
        page(0x0412, &[0xC7, 0xD1, 0xB1, 0xB9]),
        page(0x0404, &[0xA4, 0xA4, 0xA4, 0xE5]),
    ]);
    all
}

/// ROW or NBCROW, with a NULL now and then in the latter.
fn row(forms: &[Form], dice: &mut Dice) -> Vec<u8> {
    let compressed = dice.below(2) == 0;
    let mut bits = vec![0u8; forms.len().div_ceil(8)];
    let mut values = Vec::new();
    for (n, form) in forms.iter().enumerate() {
        if compressed && form.nullable && dice.below(3) == 0 {
            bits[n / 8] |= 1 << (n % 8);
        } else {
            let which = dice.below(form.values.len() as u64) as usize;
            values.extend_from_slice(&form.values[which]);
        }
    }
    if compressed {
        [&[0xD2][..], &bits, &values].concat()
    } else {
        [&[0xD1][..], &values].concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_by_hand_is_read_as_the_driver_reads_it() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port();
    let mut session = Session::connect(&target(port, Tls::off())).await.expect("a session");
    let mut driver = driver(port).await;
    let forms = forms();
    let name = utf16("v");
    let infos: Vec<(&[u8], &[u16])> = forms.iter().map(|f| (&f.info[..], &name[..])).collect();
    let mut dice = Dice(0xF0);
    let body: Vec<u8> = (0..ROWS).flat_map(|_| row(&forms, &mut dice)).collect();
    let tail = done(SELECT, Some(ROWS as u64), false);
    sandbox.script("SELECT generated", Script::tokens(columns(&infos), body, 1, tail));
    let types: Vec<Type> = forms.iter().map(|f| f.like).collect();
    let compared = compare(&mut session, &mut driver, &types).await;
    assert_eq!(compared, ROWS * forms.len());
}
