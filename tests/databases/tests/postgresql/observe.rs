//! What can be seen of a server, and what a difference means.

use std::collections::{BTreeMap, BTreeSet};

/// Between the parts of what is observed.
pub const MARK: &str = "lychgate-mark";
/// In a file of the server, and the name of another.
pub const CANARY: &str = "lychgate-canary";

/// Who a session is, how it reads, and what it holds.
pub const SESSION: &str = "SELECT 'session|' || concat_ws(',', current_user, session_user,
  current_setting('standard_conforming_strings'), current_setting('client_encoding'),
  current_setting('session_replication_role'), current_setting('default_transaction_read_only'),
  current_setting('row_security'), current_setting('app.tenant', true),
  strpos(current_setting('search_path'), 'pg_catalog') > 0);
SELECT 'held|' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

/// A line for each row, object and right: what it is, which one, and a digest of it.
pub const SNAPSHOT: &str = "SELECT 'row|users|' || md5(u::text) FROM users u;
SELECT 'row|orders|' || md5(o::text) FROM orders o;
SELECT 'row|totals|' || md5(t::text) FROM totals t;
SELECT 'stored|sequence|' || last_value || is_called FROM orders_seq;
SELECT 'stored|large|' || count(*) FROM pg_largeobject_metadata;
SELECT 'object|class|' || concat_ws(',', oid, relname, relkind, relnamespace, reloptions) FROM pg_class
  WHERE relnamespace NOT IN (11, 99, 13000) AND relkind NOT IN ('t') AND relname !~ '^pg_toast';
SELECT 'object|column|' || concat_ws(',', attrelid, attname, atttypid, attisdropped) FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid WHERE attrelid >= 16384 AND relname !~ '^pg_toast';
SELECT 'object|function|' || concat_ws(',', oid, proname, md5(prosrc)) FROM pg_proc WHERE oid >= 16384;
SELECT 'object|type|' || concat_ws(',', oid, typname) FROM pg_type WHERE oid >= 16384;
SELECT 'object|schema|' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp';
SELECT 'object|trigger|' || tgname FROM pg_trigger WHERE NOT tgisinternal;
SELECT 'object|rule|' || concat_ws(',', ev_class, rulename) FROM pg_rewrite WHERE oid >= 16384;
SELECT 'object|comment|' || concat_ws(',', objoid, md5(description)) FROM pg_description WHERE objoid >= 16384;
SELECT 'right|role|' || concat_ws(',', rolname, rolsuper, rolcanlogin, md5(rolpassword)) FROM pg_authid;
SELECT 'right|member|' || concat_ws(',', roleid, member) FROM pg_auth_members;
SELECT 'right|default|' || defaclacl::text FROM pg_default_acl;
SELECT 'right|policy|' || polname FROM pg_policy;
SELECT 'right|extension|' || extname FROM pg_extension;
SELECT 'right|database|' || datname FROM pg_database;
SELECT 'right|subscription|' || subname FROM pg_subscription;
SELECT 'right|file|' || md5(pg_read_file('postgresql.auto.conf'));
SELECT 'acl|' || oid || '|' || relacl::text FROM pg_class WHERE oid >= 16384 AND relacl IS NOT NULL";

/// What was seen after a statement.
pub struct Observation {
    /// Lines of the session and of the server.
    lines: BTreeSet<String>,
    /// How many of each kind of line there are; lines of rows may be equal.
    rows: BTreeMap<String, Vec<String>>,
    /// Whether something of the server's files is in the answer.
    leaked: bool,
    /// Files that were written.
    files: usize,
    /// The first error of the statement.
    pub error: Option<String>,
}

impl Observation {
    pub fn new(output: &str, errors: &str, files: usize) -> Self {
        let mark = format!("{MARK}\n");
        let mut parts = output.split(mark.as_str());
        let answer = parts.next().unwrap();
        let seen: String = parts.collect();
        assert!(seen.contains("right|role|"), "nothing was observed: {output} {errors}");
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in seen.lines().filter_map(|line| line.strip_prefix("row|")) {
            let (table, row) = line.split_once('|').unwrap();
            rows.entry(table.to_owned()).or_default().push(row.to_owned());
        }
        rows.values_mut().for_each(|rows| rows.sort());
        let lines = seen.lines().filter(|line| !line.starts_with("row|")).map(str::to_owned).collect();
        let error = errors.lines().find(|line| line.contains("ERROR")).map(str::to_owned);
        Self { lines, rows, leaked: answer.contains(CANARY), files, error }
    }

    /// Whether a transaction that was rolled back has put everything right.
    pub fn is_undone(&self, fresh: &Self) -> bool {
        self.of("stored|") == fresh.of("stored|")
    }

    fn of<'a>(&'a self, kind: &'a str) -> BTreeSet<&'a str> {
        self.lines.iter().map(String::as_str).filter(|line| line.starts_with(kind)).collect()
    }
}

/// The kinds of effects that explain the differences.
pub fn observed(before: &Observation, after: &Observation) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    let differs = |kind: &str| before.of(kind) != after.of(kind);
    // With other columns each row is another text; the rows are told by the change of the columns.
    let comparable = before.rows.iter().filter(|_| !differs("object|column|"));
    for (table, rows) in comparable {
        // A table that is gone is an object that is gone.
        let gone = !after
            .lines
            .iter()
            .any(|line| line.starts_with("object|class|") && line.contains(&format!(",{table},")));
        let now = after.rows.get(table);
        if gone || now == Some(rows) {
            continue;
        }
        let survives = rows.iter().any(|row| now.is_some_and(|now| now.contains(row)));
        // A view that is filled anew is written to, all of it and by no condition.
        kinds.insert(if survives || table == "totals" { "Write" } else { "WriteAll" });
    }
    let stored_before = before.of("stored|");
    if after.of("stored|").iter().any(|line| !stored_before.contains(line)) || differs("held|") {
        kinds.insert("Write");
    }
    if differs("object|") {
        kinds.insert("Schema");
    }
    // Rights that are gone with their object are no change of rights.
    let rights_before = before.of("acl|");
    let rights = after.of("acl|").iter().any(|line| !rights_before.contains(line));
    if differs("session|") || differs("right|") || rights {
        kinds.insert("Admin");
    }
    if after.leaked || after.files > 0 {
        kinds.insert("Exfiltrate");
    }
    kinds
}
