//! Values to their last digit, cells of any length, and characters that are none.

use std::net::SocketAddr;

use mssql_mcp_sandbox::Script;
use serde_json::{Value, json};

use super::tokens::{
    INT, JAPANESE, NVARCHAR, SELECT, columns, done, int, notice, row, sized, sized_units, utf16,
    varchar,
};
use super::{execute, query};
use crate::support::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn money_is_exact_to_its_ends() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for (digits, ty, exact) in [
        ("285120462981.1456", "money", json!("285120462981.1456")),
        ("-285120462981.1457", "money", json!("-285120462981.1457")),
        ("922337203685477.5807", "money", json!("922337203685477.5807")),
        ("-922337203685477.5808", "money", json!("-922337203685477.5808")),
        ("450359962737.0497", "money", json!("450359962737.0497")),
        ("12.5", "money", json!(12.5)),
        ("214748.3647", "smallmoney", json!(214_748.364_7)),
        ("-214748.3648", "smallmoney", json!(-214_748.364_8)),
    ] {
        let result = first(address, &format!("SELECT CAST({digits} AS {ty}) AS v")).await;
        assert_eq!(result["rows"], json!([[exact]]), "{digits}");
        assert_eq!(result["columns"][0]["type"], ty, "{digits}");
        let announced = result["columns"][0]["exact"] == "string";
        assert_eq!(announced, exact.is_string(), "{digits}: {result}");
    }
}

/// Where both sides agreed on it, a column says how sensitive it is (MS-TDS 2.2.7.5).
#[tokio::test(flavor = "multi_thread")]
async fn labels_of_sensitivity_stand_in_the_columns() {
    let lab = Lab::new(&[]).await;
    // FEATUREEXTACK: DATACLASSIFICATION of version 2, which is on.
    let agreed = vec![0xAE, 0x09, 2, 0, 0, 0, 2, 1, 0xFF];
    lab.sandbox.faults(|f| f.login_tokens = agreed);
    // One label "C", no information type; rank 20 of the result, 30 of the column's one label.
    let labels = [
        &[0xA3, 1, 0, 1, b'C', 0, 0, 0, 0][..],
        &20i32.to_le_bytes(),
        &[1, 0, 1, 0, 0, 0, 0xFF, 0xFF],
        &30i32.to_le_bytes(),
    ]
    .concat();
    let head = [columns(&[(&INT, &utf16("salary"))]), labels, row(&[int(1)])].concat();
    let text = "SELECT salary FROM dbo.classified";
    let tail = done(SELECT, Some(1), false);
    lab.sandbox.script(text, Script::tokens(head, Vec::new(), 0, tail));
    let (address, _stop) = lab.serve().await;
    let result = first(address, text).await;
    let label = json!({ "label": "C", "information_type": null, "rank": 30 });
    assert_eq!(result["columns"][0]["sensitivity"], json!([label]), "{result}");
    assert_eq!(result["rows"], json!([[1]]));
}

/// The first result set of an answer.
async fn first(address: SocketAddr, text: &str) -> Value {
    let answer = query(address, text).await;
    assert!(answer["results"].is_array(), "{text}: {answer}");
    answer["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_of_any_length_is_cut_and_the_rest_of_its_row_is_there() {
    const PIECE: usize = 60_000;
    const PIECES: u64 = 700;
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    // (max) of a length that is not told, in many pieces, between two numbers.
    for (ty, character, unit) in [(0xA7, vec![b'x'], "characters"), (0xA5, vec![7], "bytes")] {
        let mut max = vec![ty, 0xFF, 0xFF];
        if ty == 0xA7 {
            max.extend([0x09, 0x04, 0xD0, 0x00, 0x34]);
        }
        let names = [utf16("before"), utf16("big"), utf16("behind")];
        let mut head = columns(&[(&INT, &names[0]), (&max, &names[1]), (&INT, &names[2])]);
        head.extend(row(&[int(1), (u64::MAX - 1).to_le_bytes().to_vec()]));
        let piece = [&(PIECE as u32).to_le_bytes()[..], &character.repeat(PIECE)].concat();
        let second = row(&[int(3), [1u64.to_le_bytes().to_vec(), vec![1, 0, 0, 0]].concat()]);
        let tail = [
            &[0, 0, 0, 0][..],
            &int(2),
            &second,
            &character,
            &[0, 0, 0, 0],
            &int(4),
            &done(SELECT, Some(2), false),
        ];
        lab.sandbox.script("SELECT big", Script::tokens(head, piece, PIECES, tail.concat()));
        let result = first(address, "SELECT big").await;
        let rows = &result["rows"];
        let numbers = [&rows[0][0], &rows[0][2], &rows[1][0], &rows[1][2]];
        assert_eq!(json!(numbers), json!([1, 2, 3, 4]), "{unit}");
        let kept = rows[0][1].as_str().expect("text");
        let mark = format!(" of {} {unit}]", PIECE as u64 * PIECES);
        assert!(kept.ends_with(&mark) && kept.len() < 100_000, "{}", &kept[kept.len() - 80..]);
        assert_eq!(result["columns"][1]["cut_cells"], 1, "{unit}");
    }
    let next = first(address, "SELECT 5 AS n").await;
    assert_eq!((&next["rows"], lab.sandbox.connections()), (&json!([[5]]), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_costs_neither_its_row_nor_its_query() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    // Halves of surrogate pairs in a cell, in a name and in a PRINT; half a character of page 932.
    let japanese = varchar(JAPANESE);
    let names = [utf16("lone"), utf16("cut"), vec![0x6E, 0xDC00]];
    let head = columns(&[(&NVARCHAR, &names[0]), (&japanese, &names[1]), (&INT, &names[2])]);
    let body = [
        row(&[sized_units(&[0x61, 0xD800, 0x62]), sized(&[0x93, 0xFA, 0x93]), int(1)]),
        row(&[sized_units(&[0xDE00, 0xD83D]), sized(&[0x93, 0xFA]), int(2)]),
        row(&[sized_units(&utf16("whole \u{1F600}")), vec![0xFF, 0xFF], int(3)]),
    ];
    let print = notice(false, (0, 1, 0), &[0x78, 0xD83D], "", 1);
    let tail = [print, done(SELECT, Some(3), false)].concat();
    lab.sandbox.script("SELECT odd", Script::tokens(head, body.concat(), 1, tail));
    let answer = query(address, "SELECT odd").await;
    let result = &answer["results"][0];
    assert_eq!(
        result["rows"],
        json!([
            ["a\u{FFFD}b", "日\u{FFFD}", 1],
            ["\u{FFFD}\u{FFFD}", "日", 2],
            ["whole \u{1F600}", null, 3]
        ]),
        "{answer}"
    );
    let columns = &result["columns"];
    assert_eq!((&columns[0]["replaced"], &columns[1]["replaced"]), (&json!(3), &json!(1)));
    assert_eq!((&columns[2]["name"], columns[2].get("replaced")), (&json!("n\u{FFFD}"), None));
    assert_eq!(answer["messages"], json!(["x\u{FFFD}"]), "{answer}");
    let csv = execute(address, json!({ "query": "SELECT odd", "format": "csv" })).await;
    let lines =
        "lone,cut,n\u{FFFD}\na\u{FFFD}b,日\u{FFFD},1\n\u{FFFD}\u{FFFD},日,2\nwhole \u{1F600},,3\n";
    assert_eq!((&csv["results"][0]["csv"], csv["results"][0].get("rows")), (&json!(lines), None));
    assert_eq!(lab.sandbox.connections(), 1, "nobody has tried again");
}
