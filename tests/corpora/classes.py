"""Our classes, what the node names of outside parse trees mean in them, and how parts make a whole.

A part is a frozenset of classes (more than one where the outside tree leaves a choice) or None where it is silent.
"""

ORDER = ["read", "session", "write", "schema", "execute", "refused", "never", "unknown"]
RANK = {name: rank for rank, name in enumerate(ORDER)}


def one(*names):
    return frozenset(names)


def widest(parts):
    """The class of a whole: the greatest of its parts. None where a part is silent and could be the greatest."""
    known = one("read")
    silent = False
    for part in parts:
        if part is None:
            silent = True
        else:
            known = frozenset(max(a, b, key=RANK.get) for a in known for b in part)
    return None if silent else known


def at_least(parts):
    """What the whole cannot be below, whatever its silent parts are."""
    return max((min(part, key=RANK.get) for part in parts if part), key=RANK.get, default="read")


def listed(part):
    return None if part is None else sorted(part, key=RANK.get)


def definition(body):
    """CREATE PROCEDURE and the like: schema by itself; a reader of words also sees what the body would do."""
    inner = widest([one("schema"), *body])
    return None if inner is None else inner | one("schema")


def target(name):
    """A change of that table. Temporary tables and table variables are the session's own."""
    last = name.split(".")[-1].strip('[]" \t\r\n')
    if name.count(".") > 2:
        return one("refused")  # server.database.schema.table
    if last.startswith("##"):
        return one("write")
    return one("session") if last.startswith(("#", "@")) else one("write")


def made(name):
    """CREATE, ALTER or DROP of that table."""
    if name.split(".")[-1].strip('["').startswith("##"):
        return one("write", "schema")
    return one("schema") if target(name) == one("write") else target(name)


def called(parts):
    """EXEC of a name. What a system procedure does is not told by its name, save for extended ones."""
    last = parts[-1].strip('[]"').lower()
    if len(parts) > 3 or last.startswith("xp_"):
        return one("refused")
    return one("read", "execute", "refused") if last.startswith("sp_") else one("execute")


# Literal dynamic SQL: the tree does not look into the string, we do.
DYNAMIC = one("execute", "refused", "never", "unknown")

SETTINGS_NEVER = {"XACT_ABORT", "IMPLICIT_TRANSACTIONS"}


def setting(words):
    """SET of options: some are the server's alone, unless they say what it does anyway; of the others the tree does not know which a caller may set."""
    words = {word.upper() for word in words}
    if words & SETTINGS_NEVER and not {"XACT_ABORT", "ON"} <= words and not {"IMPLICIT_TRANSACTIONS", "OFF"} <= words:
        return one("never")
    return one("session", "refused")


# Nodes of sqruff's trees. What is missing here and ends in _statement or _segment at the head of a statement is silent.
SQRUFF = {
    "read": "select_statement set_expression with_compound_statement openjson_segment openxml_segment containstable_segment",
    "session": "declare_segment set_local_variable_segment cursor_definition open_cursor_statement fetch_cursor_statement"
    " close_cursor_statement deallocate_cursor_statement raiserror_statement return_segment",
    "write": "sequence_next_value",
    "schema": "alter_fulltext_index_statement alter_partition_function_statement alter_partition_scheme_statement"
    " alter_table_switch_statement alter_xml_schema_collection_statement"
    " create_columnstore_index_statement create_fulltext_catalog_statement create_fulltext_index_statement"
    " create_fulltext_stoplist_statement create_partition_function_statement create_partition_scheme_statement"
    " create_table_graph_statement create_type_statement"
    " create_xml_schema_collection_statement drop_fulltext_index_statement drop_procedure_statement"
    " drop_sequence_statement drop_xml_schema_collection_statement",
    "refused": "alter_authorization_statement alter_credential_statement alter_database_scoped_configuration_statement"
    " alter_database_statement alter_master_key_statement alter_role_statement alter_user_statement"
    " copy_into_table_statement create_credential_statement create_database_scoped_credential_statement"
    " create_database_statement create_external_data_source_statement create_external_file_format"
    " create_external_table_as_select_statement create_external_table_statement create_login_statement"
    " create_master_key_statement create_role_statement create_server_role_statement create_user_statement"
    " dbcc_statement deny_statement drop_credential_statement drop_external_table_statement drop_master_key_statement"
    " grant_statement open_symmetric_key_statement openquery_segment openrowset_segment reconfigure_statement"
    " restore_database_statement revoke_statement set_context_info_statement waitfor_statement",
}
SQRUFF = {node: one(name) for name, nodes in SQRUFF.items() for node in nodes.split()}
# Objects of a schema that decide who sees which row.
SQRUFF |= {f"{verb}_security_policy{end}": one("schema", "refused") for verb in ("alter", "create", "drop") for end in ("", "_statement")}

# Of a statement that sqruff gives no node of its own, the first word.
WORDS = {word: one("session") for word in "BEGIN IF WHILE PRINT GOTO BREAK CONTINUE".split()} | {"USE": one("never")}

# Expressions of sqlglot's trees, by class name.
SQLGLOT = {
    "read": "Select Union Except Intersect Subquery Values",
    "session": "Declare IfBlock WhileBlock",
    "write": "NextValueFor",
    "refused": "Grant Revoke Kill Copy Attach Detach ExecuteAsProperty",
    "never": "Transaction Commit Rollback Use",
}
SQLGLOT = {node: one(name) for name, nodes in SQLGLOT.items() for node in nodes.split()}

# Kinds of CREATE, ALTER and DROP in sqlglot's trees; others are silent.
KINDS = {kind: one("schema") for kind in "TABLE VIEW INDEX SCHEMA SEQUENCE PROCEDURE FUNCTION TRIGGER COLUMN TYPE".split()}
KINDS["DATABASE"] = one("refused")

# Where sqlglot kept a statement as its first word and unread text: no class, but this at the least.
COMMANDS = {
    "ALTER": one("schema"),
    "CREATE": one("schema"),
    "DECLARE": one("session"),
    "GRANT": one("refused"),
    "PRINT": one("session"),
    "UPDATE STATISTICS": one("schema"),
}
