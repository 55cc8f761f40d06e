//! What the tokens of a statement say by themselves, whatever the parser made of them.

use std::borrow::Cow;

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use crate::sql::dialect::Dialect;
use crate::sql::effect::{Effect, Kind};
use crate::sql::functions;
use crate::sql::refusal::Unparseable;
use crate::sql::tokens::place;

/// Functions that do harm, called anywhere in the statement; files that MySQL writes; engines of ClickHouse.
pub(in crate::sql) fn harm(tokens: &[TokenWithSpan], dialect: Dialect) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    let mut seen = tokens.iter().filter(|token| !is_blank(token)).peekable();
    let mut before = "";
    while let Some(token) = seen.next() {
        let next = seen.peek().map(|token| &token.token);
        if let Token::Word(word) = &token.token {
            parts.push(&word.value);
            if next == Some(&Token::LParen)
                && let Some(kind) = functions::harm(dialect, &parts)
            {
                let why = Cow::Owned(format!("calls {}", parts.join(".")));
                effects.push(Effect { kind, place: place(token.span.start), why });
            }
            if let Some((kind, why)) = by_words(dialect, before, &word.value) {
                effects.push(Effect { kind, place: place(token.span.start), why: Cow::Borrowed(why) });
            }
            before = if word.quote_style.is_none() { &word.value } else { "" };
        } else if token.token != Token::Period {
            if token.token != Token::Eq {
                before = "";
            }
            parts.clear();
        }
        if next != Some(&Token::Period) && token.token != Token::Period {
            parts.clear();
        }
    }
    effects
}

/// Engines of ClickHouse that keep their data in the server itself; and all whose names end with one of these.
const ENGINES: [&str; 8] = ["mergetree", "log", "memory", "null", "set", "join", "view", "materializedview"];

fn by_words(dialect: Dialect, before: &str, word: &str) -> Option<(Kind, &'static str)> {
    match dialect {
        Dialect::MySql | Dialect::Generic
            if before.eq_ignore_ascii_case("into")
                && ["outfile", "dumpfile"].iter().any(|file| word.eq_ignore_ascii_case(file)) =>
        {
            Some((Kind::Exfiltrate, "writes a file of the server"))
        }
        Dialect::ClickHouse
            if before.eq_ignore_ascii_case("into") && word.eq_ignore_ascii_case("outfile") =>
        {
            Some((Kind::Exfiltrate, "writes a file"))
        }
        Dialect::ClickHouse
            if before.eq_ignore_ascii_case("engine")
                && !ENGINES.iter().any(|engine| word.to_ascii_lowercase().ends_with(engine)) =>
        {
            Some((Kind::Exfiltrate, "makes a table of an engine that may reach files or other servers"))
        }
        Dialect::PostgreSql
        | Dialect::MySql
        | Dialect::SqlServer
        | Dialect::Sqlite
        | Dialect::Snowflake
        | Dialect::BigQuery
        | Dialect::Oracle
        | Dialect::ClickHouse
        | Dialect::Generic => None,
    }
}

/// Refuses what the parser took for part of a statement and the server does not.
pub(super) fn check(tokens: &[TokenWithSpan], dialect: Dialect) -> Result<(), Unparseable> {
    let mut line = 0;
    let mut copies = false;
    let mut from_stdin = false;
    for token in tokens.iter().filter(|token| !is_blank(token)) {
        let begins_line = token.span.start.line != line;
        line = token.span.end.line;
        if let Token::Word(word) = &token.token {
            let is = |name: &str| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name);
            if matches!(dialect, Dialect::SqlServer | Dialect::Generic) && begins_line && is("go") {
                let why = "GO is a command of a client; send the batches one by one";
                return Err(Unparseable::unsettled(place(token.span.start), why));
            }
            copies |= is("copy");
            from_stdin |= copies && is("stdin");
        } else if token.token == Token::SemiColon && from_stdin {
            let why = "whether what follows COPY … FROM STDIN is data or a statement depends on the client";
            return Err(Unparseable::unsettled(place(token.span.start), why));
        }
    }
    Ok(())
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab))
        || matches!(
            token.token,
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
        )
}

/// The reserved words of Transact-SQL that begin a statement. It needs no semicolon between statements, so that such a
/// word, which the parser takes for an alias, is the next statement to the server.
pub(super) fn begins_a_statement(word: &str) -> bool {
    const WORDS: [&str; 51] = [
        "alter",
        "backup",
        "begin",
        "break",
        "bulk",
        "checkpoint",
        "close",
        "commit",
        "continue",
        "create",
        "dbcc",
        "deallocate",
        "declare",
        "delete",
        "deny",
        "disk",
        "drop",
        "dump",
        "exec",
        "execute",
        "fetch",
        "goto",
        "grant",
        "if",
        "insert",
        "kill",
        "load",
        "merge",
        "open",
        "print",
        "raiserror",
        "readtext",
        "reconfigure",
        "restore",
        "return",
        "revert",
        "revoke",
        "rollback",
        "save",
        "select",
        "set",
        "setuser",
        "shutdown",
        "truncate",
        "update",
        "updatetext",
        "use",
        "waitfor",
        "while",
        "with",
        "writetext",
    ];
    WORDS.iter().any(|other| other.eq_ignore_ascii_case(word))
}
