//! `lychgate inspect`: what a command would do, without a rule that judges it.

use std::io::Read as _;
use std::process::ExitCode;

use clap::ValueEnum;
use lychgate_gateway_command::sql::{Analysis, Dialect, Limits, Statement, Unparseable, analyse};
use serde_json::{Value, json};

use crate::output::{CommandError, print_line};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Language of the command
    #[arg(long)]
    language: Language,
    /// Whose SQL it is: postgresql, mysql, sqlserver, sqlite, snowflake, bigquery, oracle, clickhouse or generic
    #[arg(long)]
    dialect: Dialect,
}

/// A language in which tools take commands.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    #[value(name = "SQL")]
    Sql,
}

/// Reads a command from standard input. Exit code 1 if its effects cannot be told.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let found = match arguments.language {
        Language::Sql => {
            let limits = Limits::default();
            analyse(&read(limits.statement_bytes)?, arguments.dialect, &limits)
        }
    };
    let (answer, code) = match found {
        Ok(analysis) => (told(&analysis), ExitCode::SUCCESS),
        Err(refused) => (untold(&refused), ExitCode::FAILURE),
    };
    print_line(&answer.to_string());
    Ok(code)
}

/// All of standard input, or just more than may be looked at.
fn read(maximum: usize) -> Result<String, CommandError> {
    let maximum = u64::try_from(maximum).unwrap_or(u64::MAX);
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(maximum.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|error| CommandError::new(format!("standard input: {error}")))?;
    Ok(text)
}

fn told(analysis: &Analysis) -> Value {
    let kinds: Vec<&str> = analysis.kinds().into_iter().map(|kind| kind.name()).collect();
    let statements: Vec<Value> = analysis.statements.iter().map(statement).collect();
    json!({"effects": kinds, "statements": statements, "unparseable": null})
}

fn statement(statement: &Statement) -> Value {
    let effects = statement.effects.iter().map(|effect| {
        let (line, column) = (effect.place.line, effect.place.column);
        json!({"effect": effect.kind.name(), "line": line, "column": column, "why": effect.why})
    });
    json!({"canonical": statement.canonical, "effects": effects.collect::<Vec<Value>>()})
}

fn untold(refused: &Unparseable) -> Value {
    let place = refused.place.map(|place| (place.line, place.column)).unzip();
    let cause = json!({"line": place.0, "column": place.1, "cause": refused.cause.to_string()});
    json!({"effects": [], "statements": [], "unparseable": cause})
}
