//! A PostgreSQL of the test's own: in a temporary directory, on a Unix socket, ended with the test.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::observe::{CANARY, MARK, Observation, SESSION, SNAPSHOT};

/// The user and group of the server where the test runs as root, which PostgreSQL refuses to: nobody.
const NOBODY: u32 = 65_534;
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Server {
    directory: TempDir,
    programs: PathBuf,
    process: Child,
}

impl Server {
    /// Starts a server with a database of what `fixture` makes.
    pub fn start(fixture: &str) -> Self {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/postgresql");
        let installed = installed.canonicalize().expect("run tests/databases/install first");
        let directory = tempfile::tempdir().unwrap();
        let root = is_root();
        let programs = if root { copied(&installed, directory.path()) } else { installed };
        for name in ["data", "watched", "socket"] {
            fs::create_dir(directory.path().join(name)).unwrap();
            if root {
                std::os::unix::fs::chown(directory.path().join(name), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = directory.path().join("data");
        let made = command(&programs, "initdb")
            .args([
                "--auth=trust",
                "--username=lychgate",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "--pgdata",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut settings = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        writeln!(settings, "# {CANARY}\nfsync = off\nfull_page_writes = off\nlisten_addresses = ''").unwrap();
        writeln!(settings, "unix_socket_directories = '{}'", directory.path().join("socket").display())
            .unwrap();
        fs::write(data.join(CANARY), "").unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let process =
            command(&programs, "postgres").arg("-D").arg(&data).stdout(Stdio::null()).stderr(log).spawn();
        let server = Self { directory, programs, process: process.unwrap() };
        server.wait();
        server.administer("CREATE DATABASE fixture");
        let output = server.psql("fixture", fixture);
        assert!(output.1.is_empty(), "{}", output.1);
        server.renew();
        server
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.psql("postgres", "SELECT 1").1.is_empty() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(start.elapsed() < START_TIMEOUT, "PostgreSQL did not start: {log}");
            std::thread::yield_now();
        }
    }

    /// What a statement left, told before it is rolled back. One that no transaction can hold runs without, and all is
    /// made anew after it. `/tmp/` in it is a directory that is watched.
    pub fn observe(&self, statement: &str, fresh: Option<&Observation>) -> Observation {
        let upper = statement.to_uppercase();
        let controls =
            ["BEGIN", "START ", "COMMIT", "ROLLBACK", "SAVEPOINT"].iter().any(|verb| upper.starts_with(verb));
        let mut alone = controls;
        let mut after = self.run(statement, alone);
        if after.error.as_ref().is_some_and(|error| error.contains("inside a transaction block")) {
            alone = true;
            after = self.run(statement, alone);
        }
        if alone || fresh.is_some_and(|fresh| !after.is_undone(fresh)) {
            self.renew();
        }
        after
    }

    fn run(&self, statement: &str, alone: bool) -> Observation {
        let watched = self.directory.path().join("watched");
        let statement = statement.replace("/tmp/", &format!("{}/", watched.display()));
        // An error takes back the statement, and not the transaction.
        let begin = if alone { "" } else { "\\set ON_ERROR_ROLLBACK on\nBEGIN;\n" };
        let look = if alone { "ROLLBACK;" } else { "" };
        let rights = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET search_path;";
        let script = format!(
            "{begin}{statement}\n;\n{look}\n\\echo {MARK}\n{SESSION};\n{rights}\n\\echo {MARK}\n{SNAPSHOT};\nROLLBACK;\n"
        );
        let (output, errors) = self.psql("scratch", &script);
        let files: Vec<PathBuf> = fs::read_dir(&watched).unwrap().map(|file| file.unwrap().path()).collect();
        for file in &files {
            fs::remove_file(file).unwrap();
        }
        Observation::new(&output, &errors, files.len())
    }

    /// Makes the scratch database, and all that databases share, as it was.
    pub fn renew(&self) {
        self.administer(
            "DROP DATABASE IF EXISTS scratch WITH (FORCE); DROP DATABASE IF EXISTS other;
             DROP ROLE IF EXISTS reader, intruder; ALTER SYSTEM RESET ALL; CREATE ROLE reader;
             CREATE DATABASE scratch TEMPLATE fixture STRATEGY file_copy;",
        );
    }

    fn administer(&self, statement: &str) {
        let (_, errors) = self.psql("postgres", statement);
        let errors: Vec<&str> = errors.lines().filter(|line| line.contains("ERROR")).collect();
        assert!(errors.is_empty(), "{statement}: {errors:?}");
    }

    /// What `psql` writes of rows, and of errors.
    fn psql(&self, database: &str, script: &str) -> (String, String) {
        let mut psql = command(&self.programs, "psql")
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--username=lychgate", "--host"])
            .arg(self.directory.path().join("socket"))
            .args(["--dbname", database])
            .env("PGOPTIONS", "-c statement_timeout=10s -c client_min_messages=error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Where it could not connect it reads nothing.
        let _ = psql.stdin.take().unwrap().write_all(script.as_bytes());
        let output = psql.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT has the server end its processes at once; the directory goes with it.
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program of PostgreSQL, run by nobody where the test runs as root.
fn command(programs: &Path, name: &str) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(programs.join(name));
        command
    } else {
        Command::new(programs.join(name))
    };
    command.env("LD_LIBRARY_PATH", programs).env("LC_ALL", "C").env_remove("PGOPTIONS").current_dir("/");
    command
}

/// A copy that nobody can read, since the cache may lie where only root can.
fn copied(installed: &Path, directory: &Path) -> PathBuf {
    let usr = installed.ancestors().nth(4).unwrap();
    for part in ["lib/postgresql/15/bin", "lib/postgresql/15/lib", "share/postgresql/15"] {
        let to = directory.join("usr").join(part);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-a").arg(usr.join(part)).arg(&to).status().unwrap();
        assert!(copied.success(), "{part} of PostgreSQL could not be copied");
    }
    directory.join("usr/lib/postgresql/15/bin")
}
