//! What is wrong with a query whose text is right: names that mean nothing, types that do not go
//! together, clauses in the wrong place.

use crate::error::Error;
use crate::names::Name;
use crate::types::Type;

fn name_of(ty: Type) -> &'static str {
    ty.name_and_id().0
}

pub(crate) fn order_by_what_is_not_selected() -> Error {
    Error::new(
        104,
        16,
        "ORDER BY items must appear in the select list if the statement contains a UNION, \
         INTERSECT or EXCEPT operator.",
    )
}

/// 107, of the prefix of a star.
pub(crate) fn unknown_prefix(prefix: &str) -> Error {
    Error::new(
        107,
        15,
        format!(
            "The column prefix '{prefix}' does not match with a table name or alias name used in \
             the query."
        ),
    )
}

pub(crate) fn ordinal_out_of_range(ordinal: &str) -> Error {
    Error::new(
        108,
        16,
        format!(
            "The ORDER BY position number {ordinal} is out of range of the number of items in the \
             select list."
        ),
    )
}

pub(crate) fn subquery_of_several_columns() -> Error {
    Error::new(
        116,
        16,
        "Only one expression can be specified in the select list when the subquery is not \
         introduced with EXISTS.",
    )
}

pub(crate) fn aggregate_of_an_aggregate() -> Error {
    Error::new(
        130,
        16,
        "Cannot perform an aggregate function on an expression containing an aggregate or a \
         subquery.",
    )
}

pub(crate) fn assignment_with_retrieval() -> Error {
    Error::new(
        141,
        15,
        "A SELECT statement that assigns a value to a variable must not be combined with \
         data-retrieval operations.",
    )
}

pub(crate) fn distinct_order_by_what_is_not_selected() -> Error {
    Error::new(
        145,
        15,
        "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.",
    )
}

pub(crate) fn aggregate_in_where() -> Error {
    Error::new(
        147,
        15,
        "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in \
         a HAVING clause or a select list, and the column being aggregated is an outer reference.",
    )
}

pub(crate) fn group_by_a_constant() -> Error {
    Error::new(
        164,
        15,
        "Each GROUP BY expression must contain at least one column that is not an outer \
         reference.",
    )
}

pub(crate) fn float_out_of_range(number: &str) -> Error {
    Error::new(
        168,
        15,
        format!(
            "The floating point value '{number}' is out of the range of computer representation \
             (8 bytes)."
        ),
    )
}

pub(crate) fn query_nested_too_deeply() -> Error {
    Error::new(
        191,
        15,
        "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up \
         into smaller queries.",
    )
}

pub(crate) fn unknown_function(name: &str) -> Error {
    Error::new(195, 15, format!("'{name}' is not a recognized built-in function name."))
}

pub(crate) fn set_operands_of_unequal_length() -> Error {
    Error::new(
        205,
        16,
        "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal \
         number of expressions in their target lists.",
    )
}

pub(crate) fn invalid_object(name: &Name) -> Error {
    Error::new(208, 16, format!("Invalid object name '{}'.", name.0.join(".")))
}

pub(crate) fn ambiguous_column(name: &str) -> Error {
    Error::new(209, 16, format!("Ambiguous column name '{name}'."))
}

pub(crate) fn anchor_and_recursive_types(column: &str, cte: &str) -> Error {
    Error::new(
        240,
        16,
        format!(
            "Types don't match between the anchor and the recursive part in column \"{column}\" \
             of recursive query \"{cte}\"."
        ),
    )
}

pub(crate) fn no_table_to_select_from() -> Error {
    Error::new(263, 16, "Must specify table to select from.")
}

/// 402. `operator` is a verb, or the symbol of a comparison.
pub(crate) fn incompatible_operands(left: Type, right: Type, operator: &str) -> Error {
    let (left, right) = (name_of(left), name_of(right));
    Error::new(
        402,
        16,
        format!("The data types {left} and {right} are incompatible in the {operator} operator."),
    )
}

/// 408. `position` from 1.
pub(crate) fn order_by_a_constant(position: usize) -> Error {
    Error::new(
        408,
        16,
        format!("A constant expression was encountered in the ORDER BY list, position {position}."),
    )
}

pub(crate) fn collate_of_no_text(ty: Type) -> Error {
    let ty = name_of(ty);
    Error::new(447, 16, format!("Expression type {ty} is invalid for COLLATE clause."))
}

pub(crate) fn number_out_of_range(number: &str) -> Error {
    Error::new(
        1007,
        15,
        format!(
            "The number '{number}' is out of the range for numeric representation (maximum \
             precision 38)."
        ),
    )
}

/// 1008. `position` from 1.
pub(crate) fn order_by_a_variable(position: usize) -> Error {
    Error::new(
        1008,
        16,
        format!(
            "The SELECT item identified by the ORDER BY number {position} contains a variable as \
             part of the expression identifying a column position. Variables are only allowed \
             when ordering by an expression referencing a column name."
        ),
    )
}

pub(crate) fn correlation_name_specified_twice(name: &str) -> Error {
    Error::new(
        1011,
        16,
        format!("The correlation name '{name}' is specified multiple times in a FROM clause."),
    )
}

pub(crate) fn invalid_row_count() -> Error {
    Error::new(1014, 15, "A TOP or FETCH clause contains an invalid value.")
}

pub(crate) fn order_by_in_a_subquery() -> Error {
    Error::new(
        1033,
        15,
        "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, \
         and common table expressions, unless TOP, OFFSET or FOR XML is also specified.",
    )
}

/// 1060. `clause` as the message names it.
pub(crate) fn row_count_is_no_integer(clause: &str) -> Error {
    Error::new(
        1060,
        15,
        format!("The number of rows provided for a {clause} clause must be an integer."),
    )
}

pub(crate) fn ties_without_order() -> Error {
    Error::new(
        1062,
        15,
        "The TOP N WITH TIES clause is not allowed without a corresponding ORDER BY clause.",
    )
}

pub(crate) fn procedure_as_a_table(name: &str) -> Error {
    Error::new(
        2809,
        18,
        format!(
            "The request for procedure '{name}' failed because '{name}' is a procedure object."
        ),
    )
}

pub(crate) fn unbound_identifier(name: &str) -> Error {
    Error::new(4104, 16, format!("The multi-part identifier \"{name}\" could not be bound."))
}

pub(crate) fn window_function_without_order(name: &str) -> Error {
    Error::new(4112, 15, format!("The function '{name}' must have an OVER clause with ORDER BY."))
}

pub(crate) fn coalesce_of_nulls() -> Error {
    Error::new(
        4127,
        16,
        "At least one of the arguments to COALESCE must be an expression that is not the NULL \
         constant.",
    )
}

pub(crate) fn condition_expected() -> Error {
    Error::new(
        4145,
        15,
        "An expression of non-boolean type specified in a context where a condition is expected, \
         near ')'.",
    )
}

pub(crate) fn nullif_of_null() -> Error {
    Error::new(
        4151,
        16,
        "The type of the first argument to NULLIF cannot be the NULL constant because the type of \
         the first argument has to be known.",
    )
}

pub(crate) fn range_with_a_number() -> Error {
    Error::new(
        4194,
        16,
        "RANGE is only supported with UNBOUNDED and CURRENT ROW window frame delimiters.",
    )
}

pub(crate) fn window_order_by_an_integer() -> Error {
    Error::new(
        5308,
        16,
        "Windowed functions, aggregates and NEXT VALUE FOR functions do not support integer \
         indices as ORDER BY clause expressions.",
    )
}

pub(crate) fn window_order_by_a_constant() -> Error {
    Error::new(
        5309,
        16,
        "Windowed functions, aggregates and NEXT VALUE FOR functions do not support constants as \
         ORDER BY clause expressions.",
    )
}

/// 8116. `ty` and `function` as the message names them; `position` from 1.
pub(crate) fn invalid_argument(ty: &str, position: usize, function: &str) -> Error {
    Error::new(
        8116,
        16,
        format!(
            "Argument data type {ty} is invalid for argument {position} of {function} function."
        ),
    )
}

/// 8117. `operator` is a verb, a symbol in quotes, or the name of an aggregate.
pub(crate) fn invalid_operand(ty: Type, operator: &str) -> Error {
    let ty = name_of(ty);
    Error::new(8117, 16, format!("Operand data type {ty} is invalid for {operator} operator."))
}

/// 8117, of the word NULL.
pub(crate) fn aggregate_of_null(aggregate: &str) -> Error {
    let text = format!("Operand data type NULL is invalid for {aggregate} operator.");
    Error::new(8117, 16, text)
}

pub(crate) fn not_grouped(alias: &str, column: &str) -> Error {
    Error::new(
        8120,
        16,
        format!(
            "Column '{alias}.{column}' is invalid in the select list because it is not contained \
             in either an aggregate function or the GROUP BY clause."
        ),
    )
}

pub(crate) fn case_of_nulls() -> Error {
    Error::new(
        8133,
        16,
        "At least one of the result expressions in a CASE specification must be an expression \
         other than the NULL constant.",
    )
}

pub(crate) fn grouping_of_no_group() -> Error {
    Error::new(
        8161,
        16,
        "Argument 1 of the GROUPING function does not match any of the expressions in the GROUP \
         BY clause.",
    )
}

/// 8155. `position` from 1.
pub(crate) fn no_column_name(position: usize, source: &str) -> Error {
    let text = format!("No column name was specified for column {position} of '{source}'.");
    Error::new(8155, 16, text)
}

pub(crate) fn unpivot_of_types(column: &str) -> Error {
    Error::new(
        8167,
        16,
        format!(
            "The type of column \"{column}\" conflicts with the type of other columns specified in \
             the UNPIVOT list."
        ),
    )
}

pub(crate) fn column_list_of_unequal_length(source: &str, is_shorter: bool) -> Error {
    let relation = if is_shorter { "more" } else { "fewer" };
    Error::new(
        8158,
        16,
        format!("'{source}' has {relation} columns than were specified in the column list."),
    )
}

pub(crate) fn cte_has_fewer_columns(cte: &str) -> Error {
    let text = format!("'{cte}' has fewer columns than were specified in the column list.");
    Error::new(8159, 16, text)
}

pub(crate) fn rows_of_unequal_length() -> Error {
    Error::new(
        10709,
        16,
        "The number of columns for each row in a table value constructor must be the same.",
    )
}

pub(crate) fn top_with_offset() -> Error {
    Error::new(10741, 15, "A TOP can not be used in the same query or sub-query as a OFFSET.")
}

pub(crate) fn order_within_group_of_several(name: &str) -> Error {
    Error::new(
        10751,
        15,
        format!(
            "The ORDER BY in WITHIN GROUP clause of '{name}' function must have exactly one \
             expression."
        ),
    )
}

pub(crate) fn framed_window(name: &str) -> Error {
    Error::new(10752, 15, format!("The function '{name}' may not have a window frame."))
}

pub(crate) fn window_function_without_over(name: &str) -> Error {
    Error::new(10753, 15, format!("The function '{name}' must have an OVER clause."))
}

pub(crate) fn no_within_group(name: &str) -> Error {
    Error::new(10754, 15, format!("The function '{name}' must have a WITHIN GROUP clause."))
}

pub(crate) fn ordered_window(name: &str) -> Error {
    Error::new(10758, 15, format!("The function '{name}' may not have ORDER BY in OVER clause."))
}

pub(crate) fn distinct_with_over() -> Error {
    Error::new(10759, 15, "Use of DISTINCT is not allowed with the OVER clause.")
}
