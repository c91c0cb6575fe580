//! The server and what it holds beside this database's objects: of servers and assemblies there are
//! those that every server has.

use crate::catalog::views::{BIT, COLLATION_NAME, DESCRIPTION, INT, NAME, View, bit, int, text};
use crate::names::DATABASES;
use crate::names::SERVER;
use crate::types::Type;

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "databases",
        complete: false,
        columns: &[
            ("name", NAME),
            ("database_id", INT),
            ("compatibility_level", Type::TinyInt),
            ("collation_name", NAME),
            ("state_desc", NAME),
            ("is_read_only", BIT),
            ("user_access_desc", NAME),
        ],
        rows: |_, _| {
            let row = |(n, name): (i64, &str)| {
                vec![
                    text(name),
                    int(n),
                    int(160),
                    text(COLLATION_NAME),
                    text("ONLINE"),
                    bit(false),
                    text("MULTI_USER"),
                ]
            };
            (1..).zip(DATABASES).map(row).collect()
        },
    },
    View {
        name: "servers",
        complete: false,
        columns: &[
            ("server_id", INT),
            ("name", NAME),
            ("is_linked", BIT),
            ("is_rpc_out_enabled", BIT),
            ("is_data_access_enabled", BIT),
        ],
        rows: |_, _| vec![vec![int(0), text(SERVER), bit(false), bit(true), bit(false)]],
    },
    View {
        name: "assemblies",
        complete: false,
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
        columns: &[("object_id", INT), ("assembly_id", INT)],
        rows: |_, _| Vec::new(),
    },
];
