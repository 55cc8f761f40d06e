//! Whose SQL a text is.

use std::fmt;
use std::str::FromStr;

use sqlparser::dialect as parser;

/// Whose SQL a text is. Manifests name dialects in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `postgresql`, also for databases that speak its dialect.
    PostgreSql,
    /// `mysql`, also MariaDB.
    MySql,
    /// `sqlserver`: Transact-SQL.
    SqlServer,
    /// `sqlite`
    Sqlite,
    /// `snowflake`
    Snowflake,
    /// `bigquery`: GoogleSQL.
    BigQuery,
    /// `oracle`
    Oracle,
    /// `clickhouse`
    ClickHouse,
    /// `generic`: not known. Whatever dialects disagree on is refused.
    Generic,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 9] = [
        Self::PostgreSql,
        Self::MySql,
        Self::SqlServer,
        Self::Sqlite,
        Self::Snowflake,
        Self::BigQuery,
        Self::Oracle,
        Self::ClickHouse,
        Self::Generic,
    ];

    /// The name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgreSql => "postgresql",
            Self::MySql => "mysql",
            Self::SqlServer => "sqlserver",
            Self::Sqlite => "sqlite",
            Self::Snowflake => "snowflake",
            Self::BigQuery => "bigquery",
            Self::Oracle => "oracle",
            Self::ClickHouse => "clickhouse",
            Self::Generic => "generic",
        }
    }

    /// The grammar to parse with.
    pub(super) fn grammar(self) -> &'static dyn parser::Dialect {
        match self {
            Self::PostgreSql => &parser::PostgreSqlDialect {},
            Self::MySql => &parser::MySqlDialect {},
            Self::SqlServer => &parser::MsSqlDialect {},
            Self::Sqlite => &parser::SQLiteDialect {},
            Self::Snowflake => &parser::SnowflakeDialect,
            Self::BigQuery => &parser::BigQueryDialect {},
            Self::Oracle => &parser::OracleDialect {},
            Self::ClickHouse => &parser::ClickHouseDialect {},
            Self::Generic => &parser::GenericDialect {},
        }
    }

    /// Whether a column can be a condition by itself because it is a boolean, never because it is not zero.
    pub(super) fn has_booleans(self) -> bool {
        match self {
            Self::PostgreSql | Self::Snowflake | Self::BigQuery => true,
            Self::MySql
            | Self::SqlServer
            | Self::Sqlite
            | Self::Oracle
            | Self::ClickHouse
            | Self::Generic => false,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// No dialect has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no dialect is called {0:?}; write postgresql, mysql, sqlserver, sqlite, snowflake, bigquery, oracle, \
     clickhouse or generic"
)]
pub struct UnknownDialect(String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_found_by_its_name() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
        }
        assert!("PostgreSQL".parse::<Dialect>().is_err());
    }
}
