//! What a name is made of: `tblOrderLines_2023` is `order`, `line` and `2023` behind a `tbl`.

/// No name of SQL Server's is longer; of a text no more is read than this.
const LONGEST: usize = 128;

/// What people put before a name to say what it is.
const HEADS: [&str; 5] = ["tbl", "vw", "usp", "dim", "fact"];

/// Those that no other word begins with, so that they are seen in `tblcustomer` too.
const HEADS_WITHOUT_CASE: [&str; 3] = ["tbl", "vw", "usp"];

/// Words of a question that name nothing.
const FILLERS: [&str; 19] = [
    "a", "all", "an", "and", "are", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to",
    "what", "where", "which", "with",
];

/// The words of a name, in small letters and in the singular, and how many of them are a head.
pub(crate) fn of_name(name: &str) -> (Vec<String>, usize) {
    let mut raw = split(name);
    if let Some(first) = raw.first() {
        let glued = HEADS_WITHOUT_CASE
            .iter()
            .find(|h| first.strip_prefix(**h).is_some_and(|rest| rest.chars().count() >= 3));
        if let Some(head) = glued {
            let rest = first[head.len()..].to_owned();
            raw.splice(..1, [(*head).to_owned(), rest]);
        }
    }
    let head = raw.len() > 1 && HEADS.contains(&raw[0].as_str());
    (raw.iter().map(|w| singular(w)).collect(), usize::from(head))
}

/// The words of a question or a description.
pub(crate) fn of_text(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_whitespace().flat_map(|part| split(part).into_iter().map(|w| singular(&w)))
}

/// Is it one of the words that every sentence has?
pub(crate) fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

/// A name as somebody types it who minds neither case nor separators: `order_lines` is `orderline`.
pub(crate) fn compact(name: &str) -> String {
    let letters: String = name
        .chars()
        .take(LONGEST)
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    singular(&letters)
}

/// Does the name say that it is a copy, a rest or a trial?
pub(crate) fn is_left_over(words: &[String]) -> bool {
    let dated = |w: &String| {
        matches!(w.len(), 4 | 6 | 8) && w.starts_with("20") && w.bytes().all(|b| b.is_ascii_digit())
    };
    let said = |w: &String| {
        matches!(w.as_str(), "bak" | "backup" | "old" | "tmp" | "temp" | "test" | "copy")
    };
    words.iter().any(|w| said(w) || dated(w))
}

/// Split where the case changes, at digits, and at what is neither.
fn split(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().take(LONGEST).collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        if i > 0 && !word.is_empty() && begins_a_word(&chars, i) {
            words.push(std::mem::take(&mut word));
        }
        word.extend(c.to_lowercase());
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// `chars[i]` and the one before it are both letters or digits.
fn begins_a_word(chars: &[char], i: usize) -> bool {
    let (before, here) = (chars[i - 1], chars[i]);
    if before.is_numeric() != here.is_numeric() {
        return true;
    }
    if !here.is_uppercase() {
        return false;
    }
    // XMLFile is xml and file; IDs is a plural.
    let small = |at: usize| chars.get(at).is_some_and(|c| c.is_lowercase());
    let plural = chars.get(i + 1) == Some(&'s') && !small(i + 2);
    before.is_lowercase() || (before.is_uppercase() && small(i + 1) && !plural)
}

/// Close enough: both sides of a comparison go through it.
fn singular(word: &str) -> String {
    let cut = |n: usize| word[..word.len() - n].to_owned();
    let long = word.chars().count() > 3;
    if long && word.ends_with("ies") && word.len() > 4 {
        cut(3) + "y"
    } else if long && ["sses", "xes", "ches", "shes", "uses"].iter().any(|e| word.ends_with(e)) {
        cut(2)
    } else if long && word.ends_with('s') && !["ss", "us", "is"].iter().any(|e| word.ends_with(e)) {
        cut(1)
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> String {
        let (words, head) = of_name(name);
        format!("{head}:{}", words.join(" "))
    }

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("OrderLines"), "0:order line");
        assert_eq!(words("tblOrderLines_2023"), "1:tbl order line 2023");
        assert_eq!(words("tblcustomers"), "1:tbl customer");
        assert_eq!(words("vw_open-orders"), "1:vw open order");
        assert_eq!(words("FactSales"), "1:fact sale");
        assert_eq!(words("Factory"), "0:factory");
        assert_eq!(words("Dimension"), "0:dimension");
        assert_eq!(words("fact"), "0:fact");
        assert_eq!(words("XMLHttpFile"), "0:xml http file");
        assert_eq!(words("CustomerID"), "0:customer id");
        assert_eq!(words("CustomerIDs"), "0:customer ids");
        assert_eq!(words("Address1Line"), "0:address 1 line");
        assert_eq!(words("BESTELLUNGSGRÖSSE"), "0:bestellungsgrösse");
        assert_eq!(words("__"), "0:");
        assert_eq!(words(""), "0:");
    }

    #[test]
    fn plurals_are_one_word() {
        for (many, one) in [
            ("orders", "order"),
            ("categories", "category"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("statuses", "status"),
            ("status", "status"),
            ("branches", "branch"),
            ("is", "is"),
            ("ß", "ß"),
        ] {
            assert_eq!(singular(many), singular(one), "{many}");
        }
        assert_eq!(compact("Order_Lines"), compact("orderlines"));
    }

    #[test]
    fn what_is_left_over_says_so() {
        for name in ["Orders_old", "tmpOrders", "Orders_20240131", "Orders2023", "OrdersBak"] {
            assert!(is_left_over(&of_name(name).0), "{name}");
        }
        for name in ["Orders", "Bold", "Template", "Tests", "Room2001a", "Order_1999"] {
            assert_eq!(is_left_over(&of_name(name).0), matches!(name, "Tests" | "Room2001a"));
        }
    }
}
