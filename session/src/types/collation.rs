//! Collations, of which the code page of characters is all that matters here (MS-TDS 2.2.5.1.2).

use encoding_rs as rs;

/// Five bytes: LCID (20 bits), flags (8 bits), version (4 bits), sort id (8 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collation(pub [u8; 5]);

/// How characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Units of two bytes, the lower one first.
    Utf16,
    /// Of collations whose names end in `_UTF8`, and of json.
    Utf8,
    /// A code page of Windows.
    Page(&'static rs::Encoding),
    /// A code page of DOS: 437 or 850, by its place in the tables.
    Oem(usize),
}

/// The place of code page 437.
pub(crate) const OEM_437: usize = 0;
/// The place of code page 850.
pub(crate) const OEM_850: usize = 1;

/// The flag that says UTF-8: bit 26 of the first four bytes.
const UTF8: u32 = 1 << 26;

/// SQL_Latin1_General_CP1_CI_AS, what SQL Server is installed with in English.
impl Default for Collation {
    fn default() -> Self {
        Collation([0x09, 0x04, 0xD0, 0x00, 0x34])
    }
}

// === impl Collation ===

impl Collation {
    fn info(self) -> u32 {
        let [a, b, c, d, _] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }

    /// How char, varchar and text of it are written.
    pub(crate) fn encoding(self) -> Encoding {
        if self.info() & UTF8 != 0 {
            return Encoding::Utf8;
        }
        // A collation with a sort id is one of SQL Server's own, whose page need not be the
        // language's.
        match self.0[4] {
            0 => by_language(self.info() & 0xFFFF),
            sort_id => by_sort_id(sort_id),
        }
    }
}

/// The ANSI code page of a Windows locale (MS-LCID).
fn by_language(lcid: u32) -> Encoding {
    match lcid {
        0x0804 | 0x1004 => return Encoding::Page(rs::GBK),
        0x0404 | 0x0C04 | 0x1404 => return Encoding::Page(rs::BIG5),
        // Serbian and Bosnian in Cyrillic; Azeri and Uzbek in Cyrillic and in Latin.
        0x0C1A | 0x1C1A | 0x201A | 0x281A | 0x301A | 0x082C | 0x0843 => {
            return Encoding::Page(rs::WINDOWS_1251);
        }
        0x042C | 0x0443 => return Encoding::Page(rs::WINDOWS_1254),
        _ => {}
    }
    Encoding::Page(match lcid & 0x3FF {
        0x05 | 0x0E | 0x15 | 0x18 | 0x1A | 0x1B | 0x1C | 0x24 | 0x42 => rs::WINDOWS_1250,
        0x02 | 0x19 | 0x22 | 0x23 | 0x28 | 0x2F | 0x3F | 0x40 | 0x44 | 0x50 | 0x6D | 0x85 => {
            rs::WINDOWS_1251
        }
        0x08 => rs::WINDOWS_1253,
        0x1F => rs::WINDOWS_1254,
        0x0D => rs::WINDOWS_1255,
        0x01 | 0x20 | 0x29 | 0x80 | 0x8C => rs::WINDOWS_1256,
        0x25..=0x27 => rs::WINDOWS_1257,
        0x2A => rs::WINDOWS_1258,
        0x1E => rs::WINDOWS_874,
        0x11 => rs::SHIFT_JIS,
        0x12 => rs::EUC_KR,
        _ => rs::WINDOWS_1252,
    })
}

/// The code page of one of SQL Server's own sort orders (sys.syscharsets, sort orders by id).
fn by_sort_id(id: u8) -> Encoding {
    Encoding::Page(match id {
        30..=35 => return Encoding::Oem(OEM_437),
        40..=49 | 55..=61 => return Encoding::Oem(OEM_850),
        80..=98 => rs::WINDOWS_1250,
        104..=108 => rs::WINDOWS_1251,
        112..=124 => rs::WINDOWS_1253,
        128..=130 => rs::WINDOWS_1254,
        136..=138 => rs::WINDOWS_1255,
        144..=146 => rs::WINDOWS_1256,
        152..=160 => rs::WINDOWS_1257,
        192 | 193 | 200 => rs::SHIFT_JIS,
        194 | 195 | 201 => rs::EUC_KR,
        196 | 197 | 202 => rs::BIG5,
        198 | 199 | 203 => rs::GBK,
        204..=206 => rs::WINDOWS_874,
        _ => rs::WINDOWS_1252,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_sort_orders_or_the_languages() {
        let page = |bytes: [u8; 5]| Collation(bytes).encoding();
        assert_eq!(Collation::default().encoding(), Encoding::Page(rs::WINDOWS_1252));
        assert_eq!(page([0x09, 0x04, 0, 0, 30]), Encoding::Oem(OEM_437));
        assert_eq!(page([0x09, 0x04, 0, 0, 42]), Encoding::Oem(OEM_850));
        for (lcid, encoding) in [
            (0x0405, rs::WINDOWS_1250),
            (0x0419, rs::WINDOWS_1251),
            (0x0408, rs::WINDOWS_1253),
            (0x041F, rs::WINDOWS_1254),
            (0x040D, rs::WINDOWS_1255),
            (0x0401, rs::WINDOWS_1256),
            (0x0426, rs::WINDOWS_1257),
            (0x042A, rs::WINDOWS_1258),
            (0x041E, rs::WINDOWS_874),
            (0x0411, rs::SHIFT_JIS),
            (0x0804, rs::GBK),
            (0x0412, rs::EUC_KR),
            (0x0404, rs::BIG5),
            (0x0407, rs::WINDOWS_1252),
            (0x0C1A, rs::WINDOWS_1251),
            (0x081A, rs::WINDOWS_1250),
        ] {
            let [a, b] = u16::to_le_bytes(lcid);
            assert_eq!(page([a, b, 0xD0, 0, 0]), Encoding::Page(encoding), "{lcid:04X}");
            // A sort version of the language changes nothing.
            assert_eq!(page([a, b, 0xD1, 0, 0]), Encoding::Page(encoding), "{lcid:04X}");
            assert_eq!(page([a, b, 0xD0, 0x24, 0]), Encoding::Utf8, "{lcid:04X}");
        }
    }
}
