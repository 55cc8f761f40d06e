//! Settings that a session may change for itself, and no more.
//!
//! A setting is harmless when it changes neither who a session is and what it may do, nor how the server reads a
//! text, nor what a name means, nor anything for others. What is not listed is not harmless.

use super::dialect::Dialect;

/// Whether setting `name` to `values` (in lower case, without quotes) is harmless.
pub(super) fn harmless(dialect: Dialect, name: &str, values: &[String]) -> bool {
    let name = name.to_ascii_lowercase();
    match (dialect, name.as_str()) {
        // With pg_catalog in it, functions of others can take the place of the server's own.
        (Dialect::PostgreSql, "search_path") => {
            !values.is_empty() && !values.iter().any(|value| value.is_empty() || value.contains("pg_catalog"))
        }
        // Other encodings have other borders of strings.
        (Dialect::PostgreSql, "client_encoding" | "names") => {
            values.iter().all(|value| matches!(value.as_str(), "utf8" | "utf-8" | "unicode"))
        }
        (Dialect::MySql, "names" | "character_set_client" | "character_set_connection") => {
            values.iter().all(|value| matches!(value.as_str(), "utf8" | "utf8mb3" | "utf8mb4" | "ascii"))
        }
        (
            Dialect::PostgreSql | Dialect::MySql,
            "transaction_read_only" | "default_transaction_read_only" | "tx_read_only",
        ) => !values.is_empty() && values.iter().all(|value| matches!(value.as_str(), "on" | "true" | "1")),
        // A user's own variable.
        (Dialect::MySql, _) if name.starts_with('@') && !name.starts_with("@@") => true,
        (Dialect::SqlServer, _) if name.starts_with('@') => true,
        (_, name) => list(dialect).contains(&name),
    }
}

fn list(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::PostgreSql => POSTGRESQL,
        Dialect::MySql => MYSQL,
        Dialect::SqlServer => SQLSERVER,
        Dialect::Snowflake => &["query_tag", "statement_timeout_in_seconds", "timezone", "week_start"],
        Dialect::ClickHouse => &["max_execution_time", "max_threads", "max_result_rows", "max_block_size"],
        Dialect::BigQuery => &["@@query_label", "@@time_zone"],
        Dialect::Sqlite | Dialect::Oracle | Dialect::Generic => &[],
    }
}

const POSTGRESQL: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_min_messages",
    "cursor_tuple_fraction",
    "datestyle",
    "default_text_search_config",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "effective_cache_size",
    "enable_bitmapscan",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_memoize",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "enable_sort",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo",
    "hash_mem_multiplier",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "join_collapse_limit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "max_parallel_workers_per_gather",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
    "statement_timeout",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "work_mem",
    "xmlbinary",
    "xmloption",
];

const MYSQL: &[&str] = &[
    "autocommit",
    "collation_connection",
    "group_concat_max_len",
    "innodb_lock_wait_timeout",
    "interactive_timeout",
    "join_buffer_size",
    "lc_messages",
    "lc_time_names",
    "lock_wait_timeout",
    "max_execution_time",
    "max_join_size",
    "net_read_timeout",
    "net_write_timeout",
    "optimizer_search_depth",
    "optimizer_switch",
    "profiling",
    "sort_buffer_size",
    "sql_big_selects",
    "sql_select_limit",
    "time_zone",
    "transaction_isolation",
    "tx_isolation",
    "wait_timeout",
];

const SQLSERVER: &[&str] = &[
    "ansi_null_dflt_on",
    "ansi_nulls",
    "ansi_padding",
    "ansi_warnings",
    "arithabort",
    "arithignore",
    "concat_null_yields_null",
    "datefirst",
    "dateformat",
    "deadlock_priority",
    "language",
    "lock_timeout",
    "nocount",
    "noexec",
    "numeric_roundabort",
    "parseonly",
    "query_governor_cost_limit",
    "rowcount",
    "showplan_all",
    "showplan_text",
    "showplan_xml",
    "textsize",
    "xact_abort",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_rights_reading_or_names_is_not_harmless() {
        let harmless = |name: &str, value: &str| harmless(Dialect::PostgreSql, name, &[value.to_owned()]);
        assert!(harmless("Search_Path", "app"));
        assert!(harmless("client_encoding", "utf8"));
        assert!(harmless("default_transaction_read_only", "on"));
        for (name, value) in [
            ("search_path", "evil, pg_catalog"),
            ("client_encoding", "sjis"),
            ("default_transaction_read_only", "off"),
            ("standard_conforming_strings", "off"),
            ("session_replication_role", "replica"),
            ("row_security", "off"),
            ("app.tenant", "2"),
        ] {
            assert!(!harmless(name, value), "{name}");
        }
    }
}
