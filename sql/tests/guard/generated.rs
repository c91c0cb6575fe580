//! Batches from a grammar of their own (`generator/tsql.grammar`, written from Microsoft's pages by
//! somebody who had not read the guard), each with its true class.

use mssql_mcp_sql::verdict::Verdict;

use crate::generator::Generator;

/// `GUARD_BATCHES` and `GUARD_SEED` are for `make fuzz`, which takes a seed by chance.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn every_generated_batch_has_its_class() {
    let (batches, seed) = (number("GUARD_BATCHES", 200_000), number("GUARD_SEED", 1));
    let mut generator = Generator::new(seed);
    let mut wrong = Vec::new();
    for n in 0..batches {
        let g = generator.batch();
        let v = Verdict::of(&g.text);
        if v.class.as_str() != g.class {
            wrong.push(format!(
                "batch {n} of seed {seed}: {} expected\n{}\n{:#?}",
                g.class, g.text, v.statements
            ));
        }
    }
    if batches >= 200_000 {
        let unused: Vec<_> =
            generator.coverage().into_iter().filter(|(_, times)| *times == 0).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} wrong\n{shown}", wrong.len());
}
