//! Statements about the session: settings, roles, transactions, EXPLAIN.

use sqlparser::ast::{
    ContextModifier, DiscardObject, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectName, Reset, ResetStatement, Set, SetSessionParamKind, Statement, TransactionAccessMode,
    TransactionMode, Use, UtilityOption, Value, ValueWithSpan,
};

use super::Walk;
use crate::sql::effect::Kind;
use crate::sql::settings::harmless;

const SETTING: &str = "changes a setting that is not known to be harmless";
const ROLE: &str = "changes who the session is";

/// Whether the statement has another one planned, and does not execute it.
pub(super) fn only_plans(statement: &Statement) -> bool {
    let Statement::Explain { analyze, options, .. } = statement else { return false };
    !analyze && !options.iter().flatten().any(asks_to_execute)
}

/// `EXPLAIN (ANALYZE …)`, unless it says no.
fn asks_to_execute(option: &UtilityOption) -> bool {
    let named = option.name.value.eq_ignore_ascii_case("analyze")
        || option.name.value.eq_ignore_ascii_case("analyse");
    let no = option
        .arg
        .as_ref()
        .and_then(plain)
        .is_some_and(|value| matches!(value.as_str(), "false" | "off" | "0"));
    named && !no
}

pub(super) fn set(walk: &mut Walk, set: &Set) {
    match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            assignment(walk, scope.as_ref(), variable, values);
        }
        Set::ParenthesizedAssignments { variables, .. } => {
            // The variables of a script, in Snowflake.
            if variables.iter().any(|variable| variable.to_string().contains('@')) {
                walk.add(Kind::Admin, SETTING);
            }
        }
        Set::MultipleAssignments { assignments } => {
            for one in assignments {
                assignment(walk, one.scope.as_ref(), &one.name, std::slice::from_ref(&one.value));
            }
        }
        Set::SetSessionAuthorization(_) | Set::SetRole { .. } => walk.add(Kind::Admin, ROLE),
        Set::SetSessionParam(parameter) => session_parameter(walk, parameter),
        Set::SetTimeZone { .. } | Set::SetNamesDefault {} => {}
        Set::SetNames { charset_name, .. } => {
            setting(walk, "names", &[charset_name.value.to_ascii_lowercase()]);
        }
        Set::SetTransaction { modes: list, .. } => modes(walk, list),
    }
}

fn assignment(walk: &mut Walk, scope: Option<&ContextModifier>, variable: &ObjectName, values: &[Expr]) {
    let name = variable.to_string().to_ascii_lowercase().replace(['"', '`'], "");
    let bare = ["@@session.", "@@local.", "session.", "local."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(&name);
    match scope {
        Some(ContextModifier::Global) => walk.add(Kind::Admin, "changes a setting of the server"),
        Some(ContextModifier::Local | ContextModifier::Session) | None => {
            let values: Vec<String> = values.iter().map(|value| plain(value).unwrap_or_default()).collect();
            setting(walk, bare, &values);
        }
    }
}

fn setting(walk: &mut Walk, name: &str, values: &[String]) {
    if !harmless(walk.dialect, name, values) {
        walk.add(Kind::Admin, SETTING);
    }
}

fn session_parameter(walk: &mut Walk, parameter: &SetSessionParamKind) {
    match parameter {
        SetSessionParamKind::Generic(generic) => {
            for name in &generic.names {
                setting(walk, name, &[generic.value.to_ascii_lowercase()]);
            }
        }
        SetSessionParamKind::Statistics(_) => {}
        SetSessionParamKind::IdentityInsert(_) | SetSessionParamKind::Offsets(_) => {
            walk.add(Kind::Admin, SETTING)
        }
    }
}

/// PostgreSQL's `set_config(name, value, is_local)` is SET with computed parts: only literals are looked at.
pub(super) fn set_config(walk: &mut Walk, function: &Function) {
    let mut arguments = Vec::new();
    if let FunctionArguments::List(list) = &function.args {
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => {
                    arguments.push(value.value.clone().into_string().map(|text| text.to_ascii_lowercase()));
                }
                FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                    arguments.push(None);
                }
            }
        }
    }
    match arguments.as_slice() {
        [Some(name), Some(value), _] => {
            let values: Vec<String> =
                value.split(',').map(|one| one.trim().trim_matches('"').to_owned()).collect();
            setting(walk, name, &values);
        }
        _ => walk.add(Kind::Admin, SETTING),
    }
}

/// Lifting a read-only mode is more than a harmless setting: what follows counts by itself, but a guard is gone.
pub(super) fn modes(walk: &mut Walk, modes: &[TransactionMode]) {
    for mode in modes {
        match mode {
            TransactionMode::AccessMode(TransactionAccessMode::ReadWrite) => {
                walk.add(Kind::Admin, "lifts the read-only mode of a transaction");
            }
            TransactionMode::AccessMode(TransactionAccessMode::ReadOnly)
            | TransactionMode::IsolationLevel(_) => {}
        }
    }
}

pub(super) fn switch(walk: &mut Walk, to: &Use) {
    match to {
        Use::Role(_) | Use::SecondaryRoles(_) => walk.add(Kind::Admin, ROLE),
        Use::Catalog(_)
        | Use::Schema(_)
        | Use::Database(_)
        | Use::Warehouse(_)
        | Use::Object(_)
        | Use::Default => {}
    }
}

pub(super) fn reset(walk: &mut Walk, statement: &ResetStatement) {
    match &statement.reset {
        Reset::ALL => {}
        Reset::SessionAuthorization => walk.add(Kind::Admin, ROLE),
        Reset::ConfigurationParameter(name) => {
            let name = name.to_string().to_ascii_lowercase();
            // Back to what the server began with, which may be another role, or not read-only.
            if !harmless(walk.dialect, &name, &["default".to_owned()]) && name != "client_encoding" {
                walk.add(Kind::Admin, SETTING);
            }
        }
    }
}

pub(super) fn discard(walk: &mut Walk, object: &DiscardObject) {
    match object {
        DiscardObject::ALL => walk.add(Kind::Admin, ROLE),
        DiscardObject::TEMP => walk.add(Kind::Schema, "drops temporary tables"),
        DiscardObject::PLANS | DiscardObject::SEQUENCES => {}
    }
}

/// Pragmas of SQLite that tell something. Those in the second list take the name of what they tell about.
const TELLING: [&str; 14] = [
    "application_id",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "journal_mode",
    "page_count",
    "page_size",
    "table_list",
    "user_version",
];
const TELLING_ABOUT: [&str; 8] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "table_info",
    "table_xinfo",
];

/// Whether a pragma of SQLite tells something about the name in parentheses behind it.
pub(in crate::sql) fn tells_about(pragma: &str) -> bool {
    TELLING_ABOUT.iter().any(|other| other.eq_ignore_ascii_case(pragma))
}

pub(super) fn pragma(walk: &mut Walk, name: &ObjectName, value: Option<&ValueWithSpan>, assigned: bool) {
    let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_ascii_lowercase());
    let last = last.unwrap_or_default();
    let tells = (TELLING.contains(&last.as_str()) && value.is_none()) || (tells_about(&last) && !assigned);
    if !tells {
        walk.add(Kind::Admin, SETTING);
    }
}

/// A literal or a name, in lower case and without quotes.
fn plain(expression: &Expr) -> Option<String> {
    if let Expr::Identifier(ident) = expression {
        return Some(ident.value.to_ascii_lowercase());
    }
    let Expr::Value(value) = expression else { return None };
    if let Value::Boolean(value) = &value.value {
        return Some(value.to_string());
    }
    if let Value::Number(number, _) = &value.value {
        return Some(number.clone());
    }
    value.value.clone().into_string().map(|text| text.to_ascii_lowercase())
}
