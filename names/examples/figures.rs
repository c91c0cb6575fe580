//! What an index of 30,000 tables with 30 columns each costs:
//! `cargo run --release -p mssql-mcp-names --example figures`; with `--described` each column has a
//! description, with `--different` a tenth of the columns has a name that no other has.

use std::time::{Duration, Instant};

use mssql_mcp_names::{Column, Entry, Index};

const TABLES: u64 = 30_000;
const COLUMNS: u64 = 30;

const THINGS: [&str; 48] = [
    "Customer",
    "Order",
    "Invoice",
    "Product",
    "Payment",
    "Shipment",
    "Vendor",
    "Account",
    "Ledger",
    "Journal",
    "Employee",
    "Payroll",
    "Project",
    "Task",
    "Asset",
    "Depreciation",
    "Warehouse",
    "Bin",
    "Batch",
    "Serial",
    "Quality",
    "Inspection",
    "Route",
    "Resource",
    "Budget",
    "Forecast",
    "Currency",
    "Exchange",
    "Tax",
    "Discount",
    "Price",
    "Contract",
    "Subscription",
    "Ticket",
    "Campaign",
    "Lead",
    "Contact",
    "Address",
    "Country",
    "Region",
    "Territory",
    "Bank",
    "Check",
    "Return",
    "Claim",
    "Policy",
    "Audit",
    "Message",
];
const PARTS: [&str; 24] = [
    "Id",
    "Number",
    "Name",
    "Date",
    "Status",
    "Type",
    "Code",
    "Amount",
    "Quantity",
    "Group",
    "Line",
    "Header",
    "Detail",
    "History",
    "Setup",
    "Parameter",
    "Reference",
    "Description",
    "CreatedBy",
    "ModifiedAt",
    "Percent",
    "Total",
    "Unit",
    "Flag",
];

/// Numbers without a pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn roll<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What the process holds, in MB, and the most that it held.
fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key));
        let kb =
            line.and_then(|l| l.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().ok());
        kb.unwrap_or(f64::NAN) / 1000.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}

fn main() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let names: Vec<String> = (0..TABLES)
        .map(|n| {
            let (a, b, c) = (dice.roll(&THINGS), dice.roll(&THINGS), dice.roll(&PARTS));
            let left_over = if n % 40 == 0 { "_old" } else { "" };
            format!("{a}{b}{c}{}{left_over}", n % 700)
        })
        .collect();
    let described = std::env::args().any(|a| a == "--described");
    // As no schema is: every tenth column has a name of its own.
    let many = std::env::args().any(|a| a == "--different");
    let different: Vec<String> = (0..if many { TABLES * COLUMNS / 10 } else { 3000 })
        .map(|n| format!("{}{}{}", dice.roll(&THINGS), dice.roll(&PARTS), n / 900))
        .collect();
    let text = "The number by which the customer knows it in the ledger of the year";

    let (before, _) = memory();
    let started = Instant::now();
    let mut seed = Dice(42);
    let index = Index::build(names.iter().enumerate().map(|(n, name)| {
        let mut columns = Dice(1 + n as u64 * 7919);
        columns.below(9);
        let different = &different;
        Entry {
            schema: ["dbo", "sales", "hr", "fin"][n % 4],
            name,
            kind: "table",
            columns: (0..COLUMNS).map(move |_| Column {
                name: &different[columns.below(different.len() as u64) as usize],
                description: described.then_some(text),
            }),
            description: (n % 3 == 0).then_some(text),
            rows: Some(seed.below(10_000_000)),
            keys: (n % 9) as u32,
            synonyms: &[],
        }
    }));
    let built = started.elapsed();
    let (after, most) = memory();
    println!("{} entries, {} columns", index.len(), TABLES * COLUMNS);
    println!("build {built:?}");
    println!(
        "index {:.1} MB; process {:.1} MB more, at most {:.1} MB more while it was built",
        index.size() as f64 / 1e6,
        after - before,
        most - before
    );
    for query in [
        "invoice customer",
        "customerid",
        "id",
        "custmer invioce",
        "co",
        "which payments and shipments of a vendor are in the ledger by region",
        "zzzz",
    ] {
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let started = Instant::now();
                std::hint::black_box(index.search(query, 20, &|e| e % 5 != 0));
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        let first = index.search(query, 1, &|_| true);
        let first = first.first().map_or("nothing", |h| index.name(h.entry));
        println!(
            "{:>9.2?} at the median, {:>9.2?} at most: {query} → {first}",
            times[10], times[19]
        );
    }
}
