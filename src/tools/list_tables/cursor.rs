//! Where a page begins: behind the last name of the one before. Cursors that count tables, as they
//! were before, are read too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::refusal::Refusal;
use crate::tools::Stop;

/// Where a page begins.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PageStart {
    pub(super) after: Option<(String, String)>,
    pub(super) skip: i64,
}

/// The cursor of what is behind a name.
pub(super) fn after(schema: &str, name: &str) -> String {
    let names = serde_json::Value::from(vec![schema, name]);
    format!("behind:{}", BASE64.encode(names.to_string()))
}

/// Where a cursor begins; without one, at the beginning.
pub(super) fn read(cursor: Option<&str>) -> Result<PageStart, Stop> {
    let Some(cursor) = cursor else { return Ok(PageStart::default()) };
    let counted = || {
        let skip = cursor.strip_prefix("after:")?.parse::<i64>().ok()?;
        Some(PageStart { skip, after: None }).filter(|p| (0..i64::from(i32::MAX)).contains(&p.skip))
    };
    let named = || {
        let text = BASE64.decode(cursor.strip_prefix("behind:")?).ok()?;
        Some(PageStart { after: Some(serde_json::from_slice(&text).ok()?), skip: 0 })
    };
    counted().or_else(named).ok_or_else(|| {
        Refusal::invalid_arguments(
            "cursor is not one that list_tables gave",
            "Leave it out for the first page.",
        )
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let place = read(Some(&after("d\"bo", "Größe\0"))).expect("ours");
        assert_eq!(place.after, Some(("d\"bo".into(), "Größe\0".into())));
        assert_eq!(read(Some("after:200")).expect("of before").skip, 200);
        assert_eq!(read(None).expect("none"), PageStart::default());
        for bad in ["", "x", "after:-1", "after:x", "behind:", "behind:e30", "after:99999999999"] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }
}
