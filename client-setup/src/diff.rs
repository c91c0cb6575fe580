//! A change as a unified diff.

/// Lines around a change that are shown with it.
const AROUND: usize = 3;

/// What the lines of `new` have that those of `old` had not, as `diff -u` writes it, with three
/// lines around it. `file` is the name in its head. Empty where nothing differs.
#[must_use]
pub fn unified(file: &str, old: &str, new: &str) -> String {
    unified_as(file, (old, old), (new, new))
}

/// The same of texts that are shown as others, line by line: what differs and is not shown does
/// not vanish.
#[must_use]
pub fn unified_as(file: &str, (old, old_as): (&str, &str), (new, new_as): (&str, &str)) -> String {
    if old == new {
        return String::new();
    }
    let steps = steps(&lines(old), &lines(new));
    let (a, b) = (lines(old_as), lines(new_as));
    let mut out = format!("--- {file}\n+++ {file}\n");
    let changed: Vec<usize> = (0..steps.len()).filter(|n| steps[*n].0 != ' ').collect();
    for group in changed.chunk_by(|x, y| y - x <= 2 * AROUND + 1) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let hunk = &steps[first.saturating_sub(AROUND)..steps.len().min(last + AROUND + 1)];
        let Some((_, from_a, from_b)) = hunk.first() else { continue };
        let range = |without: char, from: usize| {
            let count = hunk.iter().filter(|(sign, ..)| *sign != without).count();
            format!("{},{count}", if count == 0 { from } else { from + 1 })
        };
        out += &format!("@@ -{} +{} @@\n", range('+', *from_a), range('-', *from_b));
        for (sign, in_a, in_b) in hunk {
            let line = match sign {
                '+' => b.get(*in_b),
                _ => a.get(*in_a),
            };
            let line = line.copied().unwrap_or_default();
            out.push(*sign);
            out += line.trim_end_matches(['\r', '\n']);
            out += match line.ends_with('\n') {
                true => "\n",
                false => "\n\\ No newline at end of file\n",
            };
        }
    }
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A line that stays, goes or comes, and how many of either text are before it.
type Step = (char, usize, usize);

/// How one list of lines becomes another: what both begin and end with stays, and between those
/// the longest list of lines that both have.
fn steps(a: &[&str], b: &[&str]) -> Vec<Step> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (gone, come) = (&rest_a[..rest_a.len() - tail], &rest_b[..rest_b.len() - tail]);
    let mut out: Vec<Step> = (0..same).map(|n| (' ', n, n)).collect();
    // How many lines two ends have in common. An edit changes few lines, far apart as they may be.
    let wide = come.len() + 1;
    let small = gone.len().saturating_mul(come.len()) <= 4_000_000;
    let mut common = vec![0_u32; if small { (gone.len() + 1) * wide } else { 0 }];
    if small {
        for x in (0..gone.len()).rev() {
            for y in (0..come.len()).rev() {
                common[x * wide + y] = match gone[x] == come[y] {
                    true => common[(x + 1) * wide + y + 1] + 1,
                    false => common[(x + 1) * wide + y].max(common[x * wide + y + 1]),
                };
            }
        }
    }
    let (mut x, mut y) = (0, 0);
    while x < gone.len() || y < come.len() {
        let both = x < gone.len() && y < come.len();
        let (in_a, in_b) = (same + x, same + y);
        if both && small && gone[x] == come[y] {
            out.push((' ', in_a, in_b));
            (x, y) = (x + 1, y + 1);
        } else if y == come.len()
            || both && (!small || common[(x + 1) * wide + y] >= common[x * wide + y + 1])
        {
            out.push(('-', in_a, in_b));
            x += 1;
        } else {
            out.push(('+', in_a, in_b));
            y += 1;
        }
    }
    let (end_a, end_b) = (a.len() - tail, b.len() - tail);
    out.extend((0..tail).map(|n| (' ', end_a + n, end_b + n)));
    out
}

#[cfg(test)]
mod tests {
    use super::{unified, unified_as};

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

    #[test]
    fn what_lies_between_two_changes_is_not_shown_as_changed() {
        let old: String = (0..30).map(|n| format!("{n}\n")).collect();
        let new = old.replace("2\n3\n", "2\nx\n3\n").replace("26\n27\n", "26\ny\n27\n");
        assert_eq!(
            unified("f", &old, &new),
            "--- f\n+++ f\n@@ -1,6 +1,7 @@\n 0\n 1\n 2\n+x\n 3\n 4\n 5\n\
             @@ -25,6 +26,7 @@\n 24\n 25\n 26\n+y\n 27\n 28\n 29\n"
        );
        let near = old.replace("2\n3\n", "2\nx\n3\n").replace("6\n7\n8\n", "6\n8\n");
        assert_eq!(unified("f", &old, &near).matches("@@ -").count(), 1);
    }

    #[test]
    fn a_line_that_is_shown_as_another_is_still_seen_to_differ() {
        assert_eq!(
            unified_as("f", ("1\nold\n", "1\n…\n"), ("1\nnew\n", "1\n…\n")),
            "--- f\n+++ f\n@@ -1,2 +1,2 @@\n 1\n-…\n+…\n"
        );
    }
}
