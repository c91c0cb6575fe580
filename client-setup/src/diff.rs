//! A change as a unified diff of one hunk: an edit touches one place of a file.

/// What the lines of `new` have that those of `old` had not, as `diff -u` writes it, with three
/// lines around it. `file` is the name in its head. Empty where nothing differs.
#[must_use]
pub fn unified(file: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (a, b): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (gone, come) = (&rest_a[..rest_a.len() - tail], &rest_b[..rest_b.len() - tail]);
    let from = same.saturating_sub(3);
    let behind = &a[a.len() - tail..][..tail.min(3)];
    let around = same - from + behind.len();
    let range = |lines: usize| {
        let first = if lines == 0 { from } else { from + 1 };
        format!("{first},{lines}")
    };
    let mut out = format!(
        "--- {file}\n+++ {file}\n@@ -{} +{} @@\n",
        range(gone.len() + around),
        range(come.len() + around)
    );
    let parts = [(' ', &a[from..same]), ('-', gone), ('+', come), (' ', behind)];
    for (sign, line) in parts.iter().flat_map(|(sign, lines)| lines.iter().map(move |l| (sign, l)))
    {
        out.push(*sign);
        out += line.trim_end_matches(['\r', '\n']);
        out += match line.ends_with('\n') {
            true => "\n",
            false => "\n\\ No newline at end of file\n",
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn a_diff_has_what_changed_and_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8";
        assert_eq!(
            unified("f", old, new),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n\\ No newline at end \
             of file\n"
        );
        assert_eq!(unified("f", "", "a\n"), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified("f", "a", "a"), "");
    }
}
