//! What a call's values become.

use mssql_mcp_own::{Bound, OwnTool, Rules, SqlType, bind, parse};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn tool(ty: &str, more: &str) -> OwnTool {
    let text = format!(
        "[[tool]]\nname = \"t\"\ndescription = \"A tool that is there to be tried\"\nstatement = \"SELECT @x\"\n\
         [[tool.parameter]]\nname = \"x\"\ntype = \"{ty}\"\n{more}\n"
    );
    let (mut tools, errors) = parse(&text, "t.toml", &Rules::default());
    assert_eq!(errors, Vec::<String>::new(), "{ty} {more}");
    tools.remove(0)
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("object")
}

fn bound(ty: &str, more: &str, x: Value) -> Result<Bound, String> {
    bind(&tool(ty, more), &map(json!({ "x": x })), &Map::new()).map(|mut all| all.remove(0))
}

fn text(ty: &str, x: Value) -> Result<String, String> {
    bound(ty, "", x).map(|b| b.value.expect("value"))
}

/// Every type, with values and what is bound of them.
fn examples() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("tinyint", json!(255), "255"),
        ("smallint", json!(-32_768), "-32768"),
        ("int", json!(5.0), "5"),
        ("bigint", json!(i64::MIN), "-9223372036854775808"),
        ("bigint", json!("9223372036854775807"), "9223372036854775807"),
        ("bit", json!(true), "1"),
        ("bit", json!(false), "0"),
        ("decimal(10,2)", json!(12.5), "12.50"),
        (
            "decimal(38,0)",
            json!("99999999999999999999999999999999999999"),
            "99999999999999999999999999999999999999",
        ),
        ("numeric(5,5)", json!("-0.00001"), "-0.00001"),
        ("money", json!("922337203685477.5807"), "922337203685477.5807"),
        ("smallmoney", json!(-214_748.364_8), "-214748.3648"),
        ("float", json!(1e300), "1e+300"),
        ("float", json!(7), "7"),
        ("real", json!(-0.5), "-0.5"),
        ("char(3)", json!("ab"), "ab"),
        ("varchar(5)", json!(""), ""),
        ("nchar(2)", json!("😀"), "😀"),
        ("nvarchar(max)", json!("'; DROP TABLE t --"), "'; DROP TABLE t --"),
        ("date", json!("2024-02-29"), "2024-02-29"),
        ("time(3)", json!("23:59:59.999"), "23:59:59.999"),
        ("datetime", json!("2024-01-31 10:00"), "2024-01-31T10:00:00"),
        ("datetime2(7)", json!("2024-01-31T10:00:00.1234567"), "2024-01-31T10:00:00.1234567"),
        ("smalldatetime", json!("2024-01-31"), "2024-01-31T00:00:00"),
        ("datetimeoffset", json!("2024-01-31T10:00:00Z"), "2024-01-31T10:00:00+00:00"),
        (
            "uniqueidentifier",
            json!("3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
            "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
        ),
        ("binary(2)", json!("Af8="), "0x01FF"),
        ("varbinary(max)", json!(""), "0x"),
        ("xml", json!("<a/>"), "<a/>"),
        ("list of int", json!([1, 2]), "[1,2]"),
        ("list of bit", json!([true]), "[1]"),
        ("list of bigint", json!(["9007199254740993"]), "[9007199254740993]"),
        ("list of decimal(5,2)", json!([1.5]), "[\"1.50\"]"),
        ("list of nvarchar(9)", json!(["a\"]'", "1"]), "[\"a\\\"]'\",\"1\"]"),
        ("list of date", json!([]), "[]"),
    ]
}

#[test]
fn every_type_takes_a_value_and_null() {
    for (ty, given, expected) in examples() {
        let b = bound(ty, "", given.clone()).expect(ty);
        assert_eq!(b.value.as_deref(), Some(expected), "{ty} {given}");
        let declared = SqlType::parse(ty).expect(ty).to_string();
        assert_eq!(b.sql_type, declared);
        // A NULL is of the type too, given or left out.
        let optional = tool(ty, "required = false");
        for arguments in [json!({}), json!({ "x": null })] {
            let b = bind(&optional, &map(arguments), &Map::new()).expect(ty).remove(0);
            assert_eq!((b.sql_type, b.value), (declared.clone(), None));
        }
        assert_eq!(bind(&tool(ty, ""), &Map::new(), &Map::new()), Err("x is missing".to_owned()));
        // A default is a value like any other.
        if !given.is_number() {
            let default = tool(ty, &format!("default = {given}"));
            let b = bind(&default, &map(json!({ "x": null })), &Map::new()).expect(ty).remove(0);
            assert_eq!(b.value.as_deref(), Some(expected));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_not_repeated() {
    for (ty, wrong) in [
        ("tinyint", json!(256)),
        ("tinyint", json!(-1)),
        ("int", json!("5")),
        ("int", json!(5.5)),
        ("int", json!(2_147_483_648_i64)),
        ("bigint", json!("9923372036854775807")),
        ("bigint", json!("+5")),
        ("bigint", json!(1e18)),
        ("bit", json!(1)),
        ("bit", json!("true")),
        ("decimal(4,2)", json!(100)),
        ("decimal(4,2)", json!("1.005")),
        ("decimal(4,2)", json!("1e1")),
        ("decimal(38,0)", json!(1e20)),
        ("money", json!("992337203685477.5807")),
        ("smallmoney", json!(214_748.364_8)),
        ("real", json!(1e39)),
        ("float", json!("1")),
        ("char(3)", json!("abcd")),
        ("nchar(1)", json!("😀")),
        ("nvarchar(3)", json!(1)),
        ("date", json!("31.01.2024")),
        ("date", json!("2023-02-29")),
        ("datetime", json!("1752-01-01T00:00:00")),
        ("datetime", json!("2024-01-01T00:00:00.1234")),
        ("datetime2(0)", json!("2024-01-31T10:00:00Z")),
        ("datetimeoffset", json!("2024-01-31T10:00:00")),
        ("smalldatetime", json!("2079-06-07")),
        ("uniqueidentifier", json!("3f2504e0-4f89-11d3-9a0c-0305e82c3301 OR 1=1")),
        ("binary(1)", json!("Af8=")),
        ("varbinary(max)", json!("0x01FF!")),
        ("list of int", json!(1)),
        ("list of int", json!([1, null])),
        ("list of int", json!(vec![1; 1001])),
        ("nvarchar(max)", json!({"a": 1})),
        ("nvarchar(max)", json!(["a"])),
    ] {
        let why = text(ty, wrong.clone()).expect_err(ty);
        assert!(why.starts_with("x must ") || why.starts_with("x has "), "{why}");
        let given = wrong.as_str().unwrap_or_default();
        assert!(given.len() < 5 || !why.contains(given), "{why}");
    }
}

#[test]
fn limits_of_a_parameter_hold() {
    let fails = |ty: &str, more: &str, x: Value| bound(ty, more, x).expect_err(ty);
    assert_eq!(fails("int", "min = 1\nmax = 9", json!(0)), "x must be at least 1");
    assert_eq!(fails("decimal(9,2)", "max = \"9.50\"", json!(9.51)), "x must be at most 9.50");
    assert_eq!(fails("float", "max = 10", json!(11)), "x must be at most 10");
    assert_eq!(
        fails("date", "min = 2024-01-01", json!("2023-12-31")),
        "x must be at least 2024-01-01"
    );
    assert_eq!(
        fails("char(1)", "allowed = [\"O\", \"C\"]", json!("o")),
        "x must be one of \"O\", \"C\""
    );
    assert_eq!(
        fails("char(1)", "allowed = [\"O\"]\nsecret = true", json!("o")),
        "x must be one of the values that its schema lists"
    );
    assert_eq!(
        fails("varchar(9)", "pattern = \"[a-z]+\"", json!("a1")),
        "x must match ^(?:[a-z]+)$"
    );
    assert_eq!(fails("varchar(9)", "pattern = \"a|b\"", json!("ab")), "x must match ^(?:a|b)$");
    assert_eq!(
        fails("list of int", "max = 9", json!([1, 10])),
        "x must be a list; each item must be at most 9"
    );
    assert_eq!(
        bound("decimal(9,2)", "allowed = [1.5]", json!("1.50")).expect("fits").value.as_deref(),
        Some("1.50")
    );
}

#[test]
fn arguments_that_are_none_are_refused_all_at_once() {
    let why =
        bind(&tool("int", ""), &map(json!({ "y": 1, "x": "a" })), &Map::new()).expect_err("y");
    assert_eq!(
        why,
        "y is no argument of t; there are x; x must be a whole number from -2147483648 to 2147483647"
    );
}

#[test]
fn a_claim_is_the_sign_ins_alone() {
    let t = tool("nvarchar(10)", "from_claim = \"region\"");
    let claims = |v: Value| map(json!({ "region": v }));
    let value = |t: &OwnTool, v: Value| {
        bind(t, &Map::new(), &claims(v)).map(|mut all| all.remove(0).value.expect("value"))
    };
    assert_eq!(value(&t, json!("EMEA")).as_deref(), Ok("EMEA"));
    assert_eq!(value(&t, json!(["EMEA"])).as_deref(), Ok("EMEA"));
    assert_eq!(value(&t, json!(7)).as_deref(), Ok("7"));
    for name in ["x", "X"] {
        let given = map(json!({ name: "APAC" }));
        let why = bind(&t, &given, &claims(json!("EMEA"))).expect_err("given");
        assert_eq!(why, format!("{name} is taken from your sign-in; leave it out"));
    }
    let missing = "your sign-in has no claim region, which x is taken from; whoever runs the sign-in has to add it";
    assert_eq!(bind(&t, &Map::new(), &Map::new()), Err(missing.to_owned()));
    assert_eq!(value(&t, json!(null)), Err(missing.to_owned()));
    let why = value(&t, json!("a very long region")).expect_err("long");
    assert_eq!(why, "the claim region of your sign-in must have at most 10 characters");
    assert!(value(&t, json!(["a", "b"])).is_err());
    let t = tool("int", "from_claim = \"region\"\nmin = 1");
    assert_eq!(value(&t, json!("42")).as_deref(), Ok("42"));
    assert!(value(&t, json!("42 OR 1=1")).is_err());
    assert!(value(&t, json!("0")).is_err());
    let t = tool("list of varchar(5)", "from_claim = \"region\"");
    assert_eq!(value(&t, json!(["a", 1])).as_deref(), Ok("[\"a\",\"1\"]"));
    assert_eq!(value(&t, json!("a")).as_deref(), Ok("[\"a\"]"));
}

#[test]
fn a_log_of_what_is_bound_has_no_values() {
    let b = bound("nvarchar(20)", "secret = true", json!("hunter2")).expect("bound");
    assert!(b.secret);
    assert!(!format!("{b:?}").contains("hunter2"));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[-0-9TZ:.+ ]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..3)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever is given is refused, or bound as a text whose letters the type allows: no type but
    /// those of texts lets one through that could end a literal.
    #[test]
    fn any_value_is_bound_or_refused(
        example in prop::sample::select(examples()),
        value in any_value(),
        as_claim in any::<bool>(),
    ) {
        let ty = example.0;
        let bound = if as_claim {
            bind(&tool(ty, "from_claim = \"c\""), &Map::new(), &map(json!({ "c": value })))
        } else {
            bind(&tool(ty, ""), &map(json!({ "x": value })), &Map::new())
        };
        let Ok(all) = bound else { return Ok(()) };
        prop_assert_eq!(all.len(), 1);
        let text = all[0].value.as_deref().expect("value");
        let free = ty.contains("char") || ty == "xml" || ty.starts_with("list");
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.:".contains(c);
        prop_assert!(free || text.chars().all(plain), "{}: {}", ty, text);
        if ty.starts_with("list") {
            prop_assert!(serde_json::from_str::<Vec<Value>>(text).is_ok());
        }
    }

    /// A text stays what it is, whatever is in it.
    #[test]
    fn texts_are_not_changed(value in "\\PC{0,50}|['\"\\[\\];@\\-/* \n\0]{0,20}") {
        prop_assert_eq!(text("nvarchar(max)", json!(value)), Ok(value.clone()));
        let list = text("list of nvarchar(max)", json!([value])).expect("list");
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(&list).expect("JSON"), vec![value]);
    }

    #[test]
    fn numbers_come_back(n in any::<i64>(), f in any::<f32>().prop_filter("finite", |f| f.is_finite())) {
        prop_assert_eq!(text("bigint", json!(n)), Ok(n.to_string()));
        prop_assert_eq!(text("bigint", json!(n.to_string())), Ok(n.to_string()));
        prop_assert_eq!(text("decimal(19,0)", json!(n)), Ok(n.to_string()));
        let back: f64 = text("float", json!(f64::from(f))).expect("float").parse().expect("number");
        prop_assert_eq!(back, f64::from(f));
    }

    #[test]
    fn no_file_stops_the_reader(file in "(\\[\\[tool(\\.parameter)?\\]\\]\n|[a-z]{1,8} = (\"[a-z(),@ ]{0,20}\"|[0-9]{1,3}|true|\\[\\])\n){0,12}") {
        parse(&file, "t.toml", &Rules::default());
    }
}
