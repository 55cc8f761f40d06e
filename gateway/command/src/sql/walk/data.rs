//! Statements that change rows, and those that move data between tables and files.

use sqlparser::ast::{
    CopyIntoSnowflakeKind, CopyTarget, CreateTable, Delete, FromTable, Ident, Insert, Merge, MergeAction,
    MergeClauseKind, ObjectName, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind,
};

use super::Walk;
use crate::sql::condition::{Condition, Scope};
use crate::sql::dialect::Dialect;
use crate::sql::effect::Kind;

pub(super) fn insert(walk: &mut Walk, insert: &Insert) {
    if insert.overwrite {
        walk.add(Kind::WriteAll, "replaces all rows");
    } else {
        walk.add(Kind::Write, "adds rows");
    }
    match &insert.table {
        TableObject::TableName(name) => target(walk, name),
        TableObject::TableFunction(function) => walk.function(function),
        TableObject::TableQuery(_) => {}
    }
}

pub(super) fn update(walk: &mut Walk, update: &Update) {
    let mut scope = Scope::new(walk.dialect);
    tables(walk, std::slice::from_ref(&update.table), |name, alias| scope.target(name, alias));
    if let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) = &update.from {
        tables(walk, from, |name, alias| scope.other(name, alias));
    }
    if Condition::new(&scope).restricts(update.selection.as_ref()) {
        walk.add(Kind::Write, "changes rows");
    } else {
        walk.add(Kind::WriteAll, "changes rows without a condition that restricts them");
    }
}

pub(super) fn delete(walk: &mut Walk, delete: &Delete) {
    let mut scope = Scope::new(walk.dialect);
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    tables(walk, from, |name, alias| scope.target(name, alias));
    if let Some(using) = &delete.using {
        tables(walk, using, |name, alias| scope.other(name, alias));
    }
    if Condition::new(&scope).restricts(delete.selection.as_ref()) {
        walk.add(Kind::Write, "removes rows");
    } else {
        walk.add(Kind::WriteAll, "removes rows without a condition that restricts them");
    }
}

pub(super) fn merge(walk: &mut Walk, merge: &Merge) {
    let mut scope = Scope::new(walk.dialect);
    if let TableFactor::Table { name, alias, .. } = &merge.table {
        scope.target(name, alias.as_ref().map(|alias| &alias.name));
        target(walk, name);
    }
    if let TableFactor::Table { name, alias, .. } = &merge.source {
        scope.other(name, alias.as_ref().map(|alias| &alias.name));
    }
    let restricts = Condition::new(&scope).restricts(Some(&merge.on));
    let mut all = false;
    for clause in &merge.clauses {
        let changes = match &clause.action {
            MergeAction::Update(_) | MergeAction::Delete { .. } => true,
            MergeAction::Insert(_) | MergeAction::DoNothing { .. } => false,
        };
        let of_all = match clause.clause_kind {
            MergeClauseKind::Matched => !restricts,
            // Every row of the table that the source does not have.
            MergeClauseKind::NotMatchedBySource => {
                !Condition::new(&scope).restricts(clause.predicate.as_ref())
            }
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => false,
        };
        all |= changes && of_all;
    }
    if all {
        walk.add(Kind::WriteAll, "changes rows without a condition that restricts them");
    } else {
        walk.add(Kind::Write, "changes rows");
    }
}

/// Tells `each` the tables of a FROM, and looks whether one of them is the server's own.
fn tables(walk: &mut Walk, from: &[TableWithJoins], mut each: impl FnMut(&ObjectName, Option<&Ident>)) {
    for table in from {
        let joined = table.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&table.relation).chain(joined) {
            if let TableFactor::Table { name, alias, .. } = factor {
                each(name, alias.as_ref().map(|alias| &alias.name));
                target(walk, name);
            }
        }
    }
}

/// Changing rows of the server's own tables is changing the server.
fn target(walk: &mut Walk, name: &ObjectName) {
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(|part| part.as_ident())
        .map(|ident| ident.value.to_ascii_lowercase())
        .collect();
    let last = parts.last().map_or("", String::as_str);
    let schema = |names: &[&str]| parts.iter().rev().skip(1).any(|part| names.contains(&part.as_str()));
    let own = match walk.dialect {
        Dialect::PostgreSql => last.starts_with("pg_") || schema(&["pg_catalog"]),
        Dialect::MySql => schema(&["mysql", "sys", "performance_schema"]),
        Dialect::SqlServer => schema(&["sys", "msdb", "master"]),
        Dialect::Sqlite => last.starts_with("sqlite_"),
        Dialect::ClickHouse => schema(&["system"]),
        Dialect::Oracle => schema(&["sys", "system"]),
        Dialect::Generic => {
            last.starts_with("pg_") || last.starts_with("sqlite_") || schema(&["mysql", "sys", "pg_catalog"])
        }
        Dialect::Snowflake | Dialect::BigQuery => false,
    };
    if own {
        walk.add(Kind::Admin, "changes a table of the server's own");
    }
}

pub(super) fn copy(walk: &mut Walk, to: bool, target: &CopyTarget) {
    match target {
        CopyTarget::Stdout => {}
        CopyTarget::Stdin => walk.add(Kind::Write, "adds rows that come behind the statement"),
        CopyTarget::File { .. } if to => walk.add(Kind::Exfiltrate, "writes a file of the server"),
        CopyTarget::File { .. } => {
            walk.add(Kind::Exfiltrate, "reads a file of the server");
            walk.add(Kind::Write, "adds rows");
        }
        CopyTarget::Program { .. } => {
            walk.add(Kind::Exec, "runs a program on the server");
            if !to {
                walk.add(Kind::Write, "adds rows");
            }
        }
    }
}

pub(super) fn copy_into(walk: &mut Walk, kind: &CopyIntoSnowflakeKind) {
    walk.add(Kind::Exfiltrate, "moves data between the server and files");
    match kind {
        CopyIntoSnowflakeKind::Table => walk.add(Kind::Write, "adds rows"),
        CopyIntoSnowflakeKind::Location => {}
    }
}

pub(super) fn create_table(walk: &mut Walk, table: &CreateTable) {
    walk.add(Kind::Schema, "creates, changes or drops objects");
    if table.external || table.location.is_some() {
        walk.add(Kind::Exfiltrate, "connects the server with files");
    }
}

/// Modules of SQLite that keep their data in the database itself.
const MODULES: [&str; 7] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly", "fts4aux"];

pub(super) fn create_virtual_table(walk: &mut Walk, module: &Ident) {
    walk.add(Kind::Schema, "creates, changes or drops objects");
    if !MODULES.contains(&module.value.to_ascii_lowercase().as_str()) {
        walk.add(Kind::Exec, "runs a module that is not known");
    }
}
