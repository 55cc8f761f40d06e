//! Functions by what a call of them does.
//!
//! The tables are text files in `functions`, one per dialect, and `common.txt`, whose names all dialects know. A
//! name that is in none is not known, and a call of it runs code that cannot be seen from here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::dialect::Dialect;
use super::effect::Kind;

/// Names with their kinds, sorted by name.
struct Table(Vec<(&'static str, Kind)>);

impl Table {
    /// The kind of the name that `parts` make when written one behind the other, in any case.
    fn get(&self, parts: &[&str]) -> Option<Kind> {
        let wanted = || parts.iter().flat_map(|part| part.bytes()).map(|byte| byte.to_ascii_lowercase());
        let found = self.0.binary_search_by(|(name, _)| name.bytes().cmp(wanted())).ok()?;
        self.0.get(found).map(|(_, kind)| *kind)
    }
}

/// What a call of the function does; `None` when it is not known.
///
/// `parts` are the parts of its name, as written without quotes; `quoted`, whether any of them was quoted. A name that
/// does harm is recognized in any schema and any case. One that is harmless only where the server itself would find
/// its own function: a function of that name in another schema is another function.
pub(super) fn kind(dialect: Dialect, parts: &[&str], quoted: bool) -> Option<Kind> {
    let table = table(dialect);
    let (last, schema) = parts.split_last()?;
    if let [package] = schema
        && let Some(kind) = table.get(&[package, ".", last])
    {
        return Some(kind);
    }
    let by_name = table.get(&[last]);
    // Oracle's packages: any part that names one, and all of it that is not listed.
    let by_package = parts.iter().filter_map(|part| table.get(&[part, "."])).max();
    match by_name.max(by_package) {
        Some(Kind::Read) => {
            let own = match schema {
                [] => true,
                [schema] => own_schemas(dialect).iter().any(|own| own.eq_ignore_ascii_case(schema)),
                _ => false,
            };
            let is_lower = !last.bytes().any(|byte| byte.is_ascii_uppercase());
            let exact = !quoted || (dialect == Dialect::PostgreSql && is_lower);
            (own && exact).then_some(Kind::Read)
        }
        other => other,
    }
}

/// What a call of a function that does harm does.
pub(super) fn harm(dialect: Dialect, parts: &[&str]) -> Option<Kind> {
    kind(dialect, parts, true).filter(|kind| *kind != Kind::Read)
}

/// What `package.function` does without a call: Oracle needs no parentheses for one.
pub(super) fn harm_of_package(parts: &[&str]) -> Option<Kind> {
    let (_, packages) = parts.split_last()?;
    let known = packages.iter().any(|part| table(Dialect::Oracle).get(&[part, "."]).is_some());
    if known { harm(Dialect::Oracle, parts) } else { None }
}

/// The schemas that hold the server's own functions.
fn own_schemas(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::PostgreSql => &["pg_catalog", "information_schema"],
        Dialect::SqlServer => &["sys"],
        Dialect::BigQuery => &["safe"],
        Dialect::MySql
        | Dialect::Sqlite
        | Dialect::Snowflake
        | Dialect::Oracle
        | Dialect::ClickHouse
        | Dialect::Generic => &[],
    }
}

fn table(dialect: Dialect) -> &'static Table {
    static TABLES: LazyLock<[Table; 9]> = LazyLock::new(|| Dialect::ALL.map(build));
    static NONE: Table = Table(Vec::new());
    let index = Dialect::ALL.iter().position(|other| *other == dialect);
    index.and_then(|index| TABLES.get(index)).unwrap_or(&NONE)
}

const COMMON: &str = include_str!("functions/common.txt");

fn texts(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::PostgreSql => &[include_str!("functions/postgresql.txt")],
        Dialect::MySql => &[include_str!("functions/mysql.txt")],
        Dialect::SqlServer => &[include_str!("functions/sqlserver.txt")],
        Dialect::Sqlite => &[include_str!("functions/sqlite.txt")],
        Dialect::Snowflake => &[include_str!("functions/snowflake.txt")],
        Dialect::BigQuery => &[include_str!("functions/bigquery.txt")],
        Dialect::Oracle => &[include_str!("functions/oracle.txt")],
        Dialect::ClickHouse => &[include_str!("functions/clickhouse.txt")],
        Dialect::Generic => &[],
    }
}

fn build(dialect: Dialect) -> Table {
    let mut table = BTreeMap::new();
    if dialect == Dialect::Generic {
        // Harmless is what all know; harmful, what is so for any.
        for text in Dialect::ALL.into_iter().flat_map(texts) {
            for (kind, name) in entries(text).filter(|(kind, _)| *kind != Kind::Read) {
                table.insert(name, kind);
            }
        }
    }
    for (kind, name) in entries(COMMON) {
        table.entry(name).or_insert(kind);
    }
    for text in texts(dialect) {
        table.extend(entries(text).map(|(kind, name)| (name, kind)));
    }
    Table(table.into_iter().collect())
}

/// The names of a table: a line that is not indented names the kind of those below it.
fn entries(text: &'static str) -> impl Iterator<Item = (Kind, &'static str)> {
    let mut current = Kind::Exec;
    text.lines().filter(|line| !line.starts_with('#')).flat_map(move |line| {
        if !line.starts_with(' ') {
            let heading = line.trim();
            current = Kind::ALL.into_iter().find(|kind| kind.name() == heading).unwrap_or(Kind::Exec);
        }
        let names = if line.starts_with(' ') { line } else { "" };
        let kind = current;
        names.split_whitespace().map(move |name| (kind, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_well_formed() {
        for text in Dialect::ALL.into_iter().flat_map(texts).chain([&COMMON]) {
            for line in text.lines().filter(|line| !line.starts_with([' ', '#'])) {
                assert!(Kind::ALL.iter().any(|kind| kind.name() == line), "{line} is no kind");
            }
            let mut names: Vec<&str> = entries(text).map(|(_, name)| name).collect();
            assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
            names.sort_unstable();
            let twice: Vec<_> = names.windows(2).filter(|pair| pair.first() == pair.last()).collect();
            assert!(twice.is_empty(), "{twice:?}");
        }
    }

    #[test]
    fn a_harmless_name_in_another_schema_is_another_function() {
        let kind = |parts: &[&str], quoted| kind(Dialect::PostgreSql, parts, quoted);
        assert_eq!(kind(&["LOWER"], false), Some(Kind::Read));
        assert_eq!(kind(&["pg_catalog", "lower"], true), Some(Kind::Read));
        assert_eq!(kind(&["Lower"], true), None);
        assert_eq!(kind(&["evil", "lower"], false), None);
        assert_eq!(kind(&["PG_CATALOG", "PG_Read_File"], false), Some(Kind::Exfiltrate));
        assert_eq!(kind(&["mine"], false), None);
    }
}
