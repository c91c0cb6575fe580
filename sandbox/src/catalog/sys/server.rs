//! The server and what it holds beside this database's objects: of servers and assemblies there are
//! those that every server has.

use crate::catalog::sys::objects::CREATED;
use crate::catalog::views::{
    BIT, COLLATION_NAME, DESCRIPTION, DatabaseFacts, INT, NAME, Reads, View, bit, int, text,
};
use crate::names::SYSTEM_DATABASES;
use crate::types::{Len, Type, Value};

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "databases",
        complete: false,
        reads: Reads::Whole,
        columns: &[
            ("name", NAME),
            ("database_id", INT),
            ("source_database_id", INT),
            ("owner_sid", Type::VarBinary(Len::N(85))),
            ("create_date", Type::DateTime),
            ("compatibility_level", Type::TinyInt),
            ("collation_name", NAME),
            ("user_access", Type::TinyInt),
            ("user_access_desc", DESCRIPTION),
            ("is_read_only", BIT),
            ("is_auto_close_on", BIT),
            ("is_auto_shrink_on", BIT),
            ("state", Type::TinyInt),
            ("state_desc", DESCRIPTION),
            ("is_in_standby", BIT),
            ("snapshot_isolation_state", Type::TinyInt),
            ("snapshot_isolation_state_desc", DESCRIPTION),
            ("is_read_committed_snapshot_on", BIT),
            ("recovery_model", Type::TinyInt),
            ("recovery_model_desc", DESCRIPTION),
            ("is_query_store_on", BIT),
            ("is_encrypted", BIT),
            ("is_cdc_enabled", BIT),
            ("is_published", BIT),
            ("is_broker_enabled", BIT),
            ("is_trustworthy_on", BIT),
        ],
        rows: |_, facts| facts.databases().iter().map(database).collect(),
    },
    View {
        name: "servers",
        complete: false,
        reads: Reads::Whole,
        columns: &[
            ("server_id", INT),
            ("name", NAME),
            ("is_linked", BIT),
            ("is_rpc_out_enabled", BIT),
            ("is_data_access_enabled", BIT),
        ],
        rows: |_, facts| {
            let name = text(facts.server_name());
            vec![vec![int(0), name, bit(false), bit(true), bit(false)]]
        },
    },
    View {
        name: "assemblies",
        complete: false,
        reads: Reads::Whole,
        columns: &[
            ("name", NAME),
            ("assembly_id", INT),
            ("permission_set_desc", DESCRIPTION),
            ("is_user_defined", BIT),
        ],
        rows: |_, _| {
            vec![vec![text("Microsoft.SqlServer.Types"), int(1), text("UNSAFE_ACCESS"), bit(false)]]
        },
    },
    View {
        name: "assembly_modules",
        complete: false,
        reads: Reads::Whole,
        columns: &[("object_id", INT), ("assembly_id", INT)],
        rows: |_, _| Vec::new(),
    },
];

/// A database that is open to all. Those that keep no log are the server's own,
/// but for model, after which others are made.
fn database(database: &DatabaseFacts) -> Vec<Value> {
    let own = SYSTEM_DATABASES.contains(&database.name.as_str()) && database.name != "model";
    let (model, model_name) = if own { (3, "SIMPLE") } else { (1, "FULL") };
    vec![
        text(&database.name),
        int(database.id),
        Value::Null,
        Value::Bin(vec![1]),
        CREATED,
        int(160),
        text(COLLATION_NAME),
        int(0),
        text("MULTI_USER"),
        bit(database.read_only),
        bit(false),
        bit(false),
        int(0),
        text("ONLINE"),
        bit(false),
        int(0),
        text("OFF"),
        bit(false),
        int(model),
        text(model_name),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
    ]
}
