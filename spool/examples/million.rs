//! What a million rows of eight columns take: `cargo run --release --example million -p
//! mssql-mcp-spool`. It prints rows per second, with and without a profile, and memory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp_spool::{
    Aggregation, Bounds, Column, CsvOptions, Error, Filter, Format, Kept, Measure, Op, Options,
    Query, Spool,
};

const ROWS: u64 = 1_000_000;

/// Kilobytes of this process that are in memory.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// Seconds of processor time of this process, all threads.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |n: usize| rest.split(' ').nth(n).and_then(|t| t.parse::<f64>().ok());
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0
}

fn columns() -> Vec<Column> {
    let columns = [
        ("id", "bigint"),
        ("customer", "nvarchar(40)"),
        ("country", "char(2)"),
        ("amount", "decimal(12,2)"),
        ("weight", "float"),
        ("paid", "bit"),
        ("at", "datetime2(3)"),
        ("note", "nvarchar(100)"),
    ];
    columns.map(|(name, ty)| Column::new(name, ty)).to_vec()
}

fn row(n: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let country = ["DE", "FR", "US", "JP", "BR", "IN"][(mixed % 6) as usize];
    let note = if mixed.is_multiple_of(3) { "null" } else { "\"paid in advance, see above\"" };
    out.clear();
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "[{n},\"customer {}\",\"{country}\",{}.{:02},{}.25,{},\"2024-{:02}-{:02}T{:02}:{:02}:00.000\",{note}]",
        mixed % 50_000,
        mixed % 100_000,
        mixed % 100,
        mixed % 1000,
        mixed.is_multiple_of(2),
        mixed % 12 + 1,
        mixed % 28 + 1,
        mixed % 24,
        mixed % 60,
    );
}

fn write(spool: &Spool, profile: bool) -> Result<Arc<Kept>, Error> {
    let mut writer = spool.create("me", Options { profile, ..Options::default() })?;
    writer.begin(columns());
    let mut bytes = Vec::new();
    for n in 0..ROWS {
        row(n, &mut bytes);
        writer.push_and_wait(&bytes)?;
    }
    writer.finish_and_wait()
}

fn timed<T>(what: &str, of: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let (memory_before, processor_before, start) = (memory(), processor(), Instant::now());
    let result = of()?;
    let (seconds, busy) = (start.elapsed().as_secs_f64(), processor() - processor_before);
    println!(
        "{what:<24} {:>9.0} rows/s, {:>9.0} rows per second of processor time, {:+} KiB",
        ROWS as f64 / seconds,
        ROWS as f64 / busy.max(0.01),
        memory().cast_signed() - memory_before.cast_signed(),
    );
    Ok(result)
}

fn run(folder: &Path) -> Result<(), Error> {
    let bounds = Bounds {
        bytes: 8 << 30,
        files: 10,
        owner_bytes: 8 << 30,
        owner_files: 10,
        ttl: Duration::from_secs(600),
    };
    let spool = Spool::open(folder, bounds)?;
    timed("making rows, no spool", || {
        let mut bytes = Vec::new();
        (0..ROWS).for_each(|n| row(n, &mut bytes));
        Ok(())
    })?;
    drop(timed("written, no profile", || write(&spool, false))?);
    let kept = timed("written, with a profile", || write(&spool, true))?;
    println!("{} rows, {} MiB", kept.total_rows(), kept.file_bytes() >> 20);
    timed("read", || {
        let mut rows = kept.rows(0, &Query::default())?;
        while rows.next_row()?.is_some() {}
        Ok(())
    })?;
    let filter = |column, op, value: &str| Filter { column, op, value: value.to_owned() };
    let filters = vec![filter(2, Op::Eq, "de"), filter(3, Op::Gt, "99000")];
    timed("filtered", || {
        let mut rows = kept.rows(0, &Query { filters, ..Query::default() })?;
        while rows.next_row()?.is_some() {}
        Ok(())
    })?;
    timed("summed up in groups", || {
        let measures = vec![Measure::Count(None), Measure::Sum(3), Measure::Max(6)];
        kept.aggregate(0, &Aggregation { group_by: vec![2, 5], measures, ..Default::default() })
    })?;
    let start = Instant::now();
    kept.page(0, &Query { offset: ROWS - 100, limit: 100, ..Query::default() }, 1 << 20)?;
    println!("the last page in {:?}", start.elapsed());
    let formats = [
        ("CSV", Format::Csv(CsvOptions::default())),
        ("JSON Lines", Format::JsonLines),
        #[cfg(feature = "parquet")]
        ("Parquet", Format::Parquet),
    ];
    for (name, format) in formats {
        timed(name, || {
            kept.export(0, &Query::default(), format)?.try_for_each(|piece| piece.map(drop))
        })?;
    }
    if let Some(profile) = &kept.sets()[0].profile {
        for (column, of) in kept.sets()[0].columns.iter().zip(profile) {
            let end = |e: &Option<mssql_mcp_spool::Short>| e.clone().unwrap_or_default().text;
            println!(
                "{:<9} {:?} nulls {} from {:?} to {:?}, top {:?}",
                column.name,
                of.distinct,
                of.nulls,
                end(&of.min),
                end(&of.max),
                of.top.first()
            );
        }
    }
    Ok(())
}

fn main() {
    let folder = std::env::temp_dir().join(format!("spool-million-{}", std::process::id()));
    if let Err(e) = run(&folder) {
        eprintln!("{e}");
    }
    let _ = std::fs::remove_dir_all(folder);
}
