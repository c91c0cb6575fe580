//! The table of one run, as markdown.

/// What is measured: how it is called, and digits behind the point.
const LINES: [(Line, &str, usize); 16] = [
    (Line::Start, "start to the first `tools/list` answer, stdio, ms", 0),
    (Line::Resident, "resident memory then, MB", 1),
    (Line::List, "`tools/list`, calls/s", 0),
    (Line::ListBytes, "length of that answer, bytes", 0),
    (Line::One, "1 row, calls/s", 0),
    (Line::Ten, "10 rows, calls/s", 0),
    (Line::TenP50, "10 rows, p50, ms", 2),
    (Line::TenP99, "10 rows, p99, ms", 2),
    (Line::TenProcessor, "10 rows, µs of its processor time a call", 0),
    (Line::Requests, "10 rows, requests to the database a call", 1),
    (Line::Logins, "10 rows, log-ins to the database a call", 1),
    (Line::Afterwards, "resident memory after these, MB", 1),
    (Line::Alone, "10 rows, one call at a time over stdio, median, ms", 2),
    (Line::Many, "200,000 rows, s", 2),
    (Line::ManyBytes, "length of that answer, MB", 1),
    (Line::ManyPeak, "most memory, MB", 1),
];

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Start,
    Resident,
    List,
    ListBytes,
    One,
    Ten,
    TenP50,
    TenP99,
    TenProcessor,
    Requests,
    Logins,
    Afterwards,
    Alone,
    Many,
    ManyBytes,
    ManyPeak,
}

/// A column: what was measured of one server, as often as it was, or why it was not.
#[derive(Debug)]
pub struct Figures {
    name: String,
    all: Vec<(Line, Result<f64, String>)>,
}

impl Figures {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), all: Vec::new() }
    }

    pub fn add(&mut self, line: Line, figure: f64) {
        self.all.push((line, Ok(figure)));
    }

    /// These lines have no figure, because the server did this.
    pub fn failed(&mut self, lines: &[Line], why: &str) {
        self.all.extend(lines.iter().map(|line| (*line, Err(why.to_owned()))));
    }

    /// Whether it need not be tried again.
    pub fn has_failed(&self, line: Line) -> bool {
        self.all.iter().any(|(of, figure)| *of == line && figure.is_err())
    }

    /// The median of what was measured; nothing where nothing was tried.
    fn cell(&self, line: Line) -> Option<Result<f64, &str>> {
        let mut figures = Vec::new();
        for (_, figure) in self.all.iter().filter(|(of, _)| *of == line) {
            match figure {
                Ok(figure) => figures.push(*figure),
                Err(why) => return Some(Err(why)),
            }
        }
        (!figures.is_empty()).then(|| Ok(crate::median::median(figures)))
    }
}

/// Prints the columns side by side, and below them why figures are missing.
pub fn print(columns: &[Figures]) {
    let mut notes: Vec<String> = Vec::new();
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    println!("| | {} |", names.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len()));
    for (line, title, digits) in LINES {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| match column.cell(line) {
                None => "–".to_owned(),
                Some(Ok(figure)) => number(figure, digits),
                Some(Err(why)) => {
                    let note = format!("{} {why}", column.name);
                    let at = notes.iter().position(|n| *n == note).unwrap_or_else(|| {
                        notes.push(note);
                        notes.len() - 1
                    });
                    format!("fails ({})", at + 1)
                }
            })
            .collect();
        println!("| {title} | {} |", cells.join(" | "));
    }
    println!();
    for (n, note) in notes.iter().enumerate() {
        println!("({}) {note}.", n + 1);
    }
    if !notes.is_empty() {
        println!();
    }
}

/// With commas between thousands.
fn number(figure: f64, digits: usize) -> String {
    let text = format!("{figure:.digits$}");
    let (whole, behind) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + behind
}
