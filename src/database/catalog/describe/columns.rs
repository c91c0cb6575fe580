//! Columns, and types as T-SQL declares them.

use serde_json::{Value, json};

use crate::database::catalog::s;

/// A type with its length, precision or scale.
pub(in crate::database::catalog) fn type_name(
    ty: &str,
    bytes: i64,
    precision: i64,
    scale: i64,
) -> String {
    let wide = matches!(ty, "nchar" | "nvarchar");
    let length = match bytes {
        -1 => "max".to_owned(),
        l => (if wide { l / 2 } else { l }).to_string(),
    };
    match ty {
        "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" => {
            format!("{ty}({length})")
        }
        "decimal" | "numeric" => format!("{ty}({precision},{scale})"),
        "datetime2" | "datetimeoffset" | "time" => format!("{ty}({scale})"),
        _ => ty.to_owned(),
    }
}

/// A column, where `usual` is the collation of most.
pub(super) fn column(r: &[Value], usual: &Value) -> Value {
    let get = |i: usize| r.get(i).cloned().unwrap_or(Value::Null);
    let n = |i: usize| get(i).as_i64().unwrap_or(0);
    let shown = type_name(&s(&get(2)), n(3), n(4), n(5));
    let mut c = json!({ "name": get(1), "type": shown, "nullable": get(6) });
    let mut put = |k: &str, v: Value| {
        if !v.is_null() {
            c[k] = v;
        }
    };
    put("default", get(10));
    if get(7) == Value::Bool(true) {
        let number = |i: usize| s(&get(i)).parse::<i64>().map_or(Value::Null, Value::from);
        put("identity", json!({ "seed": number(13), "increment": number(14) }));
    }
    put("computed", get(11));
    if get(9) != *usual {
        put("collation", get(9));
    }
    put("description", get(12));
    c
}
