//! Traffic in which nothing is sensitive: it is made up, from a seed, of what MCP servers answer with, full of what looks
//! like values. Hardly anything in it is masked.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Setup, parse, result};

/// How much traffic is made, in bytes.
const CORPUS: usize = 10 << 20;
/// How many masks in it are let pass.
const ALLOWED: u32 = 1;

/// A generator of pseudo-random numbers (xorshift64*), the same in every run.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    fn pick<'t>(&mut self, items: &[&'t str]) -> &'t str {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }

    fn hexadecimal(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap(), 16).unwrap()).collect()
    }

    /// One in four has a group of digits alone, and some are digits throughout.
    fn uuid(&mut self) -> String {
        let is_digits = self.below(4) == 0;
        let mut group = |length: usize| {
            let text = self.hexadecimal(length);
            if is_digits { text.bytes().map(|byte| char::from(b'0' + byte % 10)).collect() } else { text }
        };
        format!("{}-{}-4{}-8{}-{}", group(8), group(4), group(3), group(3), group(12))
    }

    fn time(&mut self) -> String {
        let (day, second) = (self.below(28) + 1, self.below(86_400));
        let date = format!("{}-{:02}-{day:02}", 2015 + self.below(12), self.below(12) + 1);
        let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        match self.below(4) {
            0 => format!("{date}T{time}Z"),
            1 => format!("{date}T{time}.{:06}+00:00", self.below(1_000_000)),
            2 => format!("{date} {time}.{:03}", self.below(1000)),
            _ => date,
        }
    }

    fn version(&mut self) -> String {
        let (major, minor, patch) = (self.below(30), self.below(40), self.below(100));
        match self.below(4) {
            0 => format!("v{major}.{minor}.{patch}"),
            1 => format!("{major}.{minor}.{patch}-{}", self.hexadecimal(7)),
            2 => format!("{major}.{minor}.{patch}-rc.{}", self.below(9)),
            _ => format!("{major}.{minor}"),
        }
    }

    fn coordinates(&mut self) -> String {
        let part = |number: u64| format!("{}.{:06}", number / 1_000_000, number % 1_000_000);
        format!("{}, -{}", part(self.below(90_000_000)), part(self.below(180_000_000)))
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 40] = [
            "order",
            "customer",
            "invoice",
            "status",
            "shipped",
            "pending",
            "region",
            "north",
            "warehouse",
            "quantity",
            "price",
            "total",
            "currency",
            "session",
            "cache",
            "token",
            "secret",
            "index",
            "table",
            "user",
            "account",
            "height",
            "number",
            "card",
            "passport",
            "routing",
            "pin",
            "tax",
            "phone",
            "mail",
            "request",
            "response",
            "error",
            "worker",
            "queue",
            "branch",
            "commit",
            "release",
            "license",
            "sin",
        ];
        self.pick(&WORDS)
    }

    fn sentence(&mut self) -> String {
        let count = 4 + self.below(10);
        let words: Vec<_> = (0..count).map(|_| self.word()).collect();
        format!("{}.", words.join(" "))
    }

    fn amount(&mut self) -> String {
        format!("{}.{:02}", self.below(100_000), self.below(100))
    }

    fn row(&mut self, id: u64) -> Value {
        json!({
            "id": id,
            "uuid": self.uuid(),
            "order_no": format!("ORD-{}-{:06}", 2015 + self.below(12), self.below(1_000_000)),
            "snowflake": 1_700_000_000_000_000_000_u64 + self.below(1 << 50),
            "created_at": self.time(),
            "epoch": 1_600_000_000_u64 + self.below(150_000_000),
            "epoch_millis": 1_600_000_000_000_u64 + self.below(150_000_000_000),
            "status": self.word(),
            "amount": self.amount().parse::<f64>().unwrap(),
            "location": self.coordinates(),
            "etag": format!("W/\"{}\"", self.hexadecimal(32)),
            "note": self.sentence(),
        })
    }

    fn rows(&mut self) -> Value {
        let first = self.below(100_000_000);
        let rows: Vec<_> = (0..20).map(|index| self.row(first + index)).collect();
        let content = json!({"rows": rows, "rowCount": 20, "durationMs": self.below(900)});
        result(
            json!({"content": [{"type": "text", "text": content.to_string()}], "structuredContent": content}),
        )
    }

    fn table(&mut self) -> Value {
        let mut text = String::from(" id | name | created | total\n----+------+---------+------\n");
        for _ in 0..30 {
            let (id, name, time, total) = (self.below(1_000_000), self.word(), self.time(), self.amount());
            writeln!(text, " {id} | {name} | {time} | {total}").unwrap();
        }
        result(json!({"content": [{"type": "text", "text": text}]}))
    }

    fn tools(&mut self) -> Value {
        let tool = |generator: &mut Self| {
            let (one, other) = (generator.word(), generator.word());
            json!({
                "name": format!("{one}_{other}"),
                "title": generator.sentence(),
                "description": format!("{} Since {}. See https://docs.example.com/{}/{}#{}", generator.sentence(),
                    generator.version(), generator.version(), one, other),
                "inputSchema": {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "properties": {
                        one: {"type": "string", "format": "uuid", "default": generator.uuid(), "maxLength": 36},
                        "limit": {"type": "integer", "minimum": 1, "maximum": 10_000, "description": generator.sentence()},
                        "password": {"type": "string", "minLength": 12},
                        "pattern": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2024-05"]},
                    },
                    "required": [one],
                },
            })
        };
        let tools: Vec<_> = (0..8).map(|_| tool(self)).collect();
        result(json!({"tools": tools}))
    }

    fn log(&mut self) -> Value {
        let mut text = String::new();
        for _ in 0..40 {
            let line = match self.below(6) {
                0 => {
                    format!("INFO  [{}] request_id={} took {}ms", self.word(), self.uuid(), self.below(5000))
                }
                1 => format!(
                    "WARN  {}:{} retry {}/5 at 0x{}",
                    self.word(),
                    self.below(65_535),
                    self.below(5),
                    self.hexadecimal(12)
                ),
                2 => format!(
                    "DEBUG trace={} span={} {}",
                    self.hexadecimal(32),
                    self.hexadecimal(16),
                    self.sentence()
                ),
                3 => format!(
                    "INFO  127.0.0.1:{} GET /api/v{}/{}/{} 200 {}",
                    self.below(65_535),
                    self.below(4),
                    self.word(),
                    self.below(1_000_000),
                    self.below(90_000)
                ),
                4 => format!(
                    "INFO  pulled image registry.example.com/{}@sha256:{}",
                    self.word(),
                    self.hexadecimal(64)
                ),
                _ => format!(
                    "ERROR exit status {} pid {} mem {}KiB cpu {}%",
                    self.below(255),
                    self.below(4_000_000),
                    self.below(9_000_000),
                    self.below(100)
                ),
            };
            writeln!(text, "{} {line}", self.time()).unwrap();
        }
        result(json!({"content": [{"type": "text", "text": text}]}))
    }

    fn source(&mut self) -> Value {
        let mut text = String::new();
        for _ in 0..30 {
            let line = match self.below(9) {
                0 => format!("import {{ {} }} from '@{}/{}';", self.word(), self.word(), self.word()),
                1 => format!(
                    "const {} = await fetch(`/api/${{{}.id}}?page=${{n}}&size=50`);",
                    self.word(),
                    self.word()
                ),
                2 => format!("    let {}_{}: u64 = 0x{};", self.word(), self.word(), self.hexadecimal(16)),
                3 => format!(
                    "@Override public int {}{}() {{ return {}; }}",
                    self.word(),
                    self.word(),
                    self.below(100_000)
                ),
                4 => format!("\"{}\": \"^{}\", // {}", self.word(), self.version(), self.sentence()),
                5 => format!(
                    "+++ b/src/{}/{}.rs @@ -{},{} +{},{} @@",
                    self.word(),
                    self.word(),
                    self.below(900),
                    self.below(30),
                    self.below(900),
                    self.below(30)
                ),
                6 => format!("index {}..{} 100644", self.hexadecimal(9), self.hexadecimal(9)),
                7 => format!(
                    "git clone git@github.com:{}/{}.git # {}",
                    self.word(),
                    self.word(),
                    self.hexadecimal(40)
                ),
                _ => format!(
                    "assert_eq!({}({}, \"%d items\\n\"), {}.{});",
                    self.word(),
                    self.below(1000),
                    self.below(10),
                    self.below(1000)
                ),
            };
            writeln!(text, "{line}").unwrap();
        }
        result(json!({"content": [{"type": "text", "text": text}]}))
    }

    fn lists(&mut self) -> Value {
        let first = 500_000 + self.below(100_000);
        let ids: Vec<_> = (0..30).map(|index| (first + index).to_string()).collect();
        let tags: Vec<_> = (0..10).map(|_| self.version()).collect();
        let points: Vec<_> = (0..10).map(|_| self.coordinates()).collect();
        let hashes: Vec<_> = (0..10).map(|_| self.hexadecimal(40)).collect();
        let numbers: Vec<_> = (0..30).map(|_| self.below(1_000_000)).collect();
        let uuids: Vec<_> = (0..10).map(|_| self.uuid()).collect();
        result(json!({"structuredContent": {
            "ids": ids, "tags": tags, "points": points, "commits": hashes, "numbers": numbers, "uuids": uuids,
        }}))
    }

    fn message(&mut self) -> Value {
        match self.below(6) {
            0 => self.rows(),
            1 => self.table(),
            2 => self.tools(),
            3 => self.log(),
            4 => self.source(),
            _ => self.lists(),
        }
    }
}

#[test]
fn hardly_anything_is_masked_in_clean_traffic() {
    let setup = Setup::with_rule(json!({"detectors": [{"group": "All", "action": {"redact": {}}}]}));
    let mut generator = Generator(0x006C_7963_6867_6174);
    let (mut size, mut masks, mut shown) = (0, 0, Vec::new());
    while size < CORPUS {
        let text = generator.message().to_string();
        size += text.len();
        let masked = setup.masked(&parse(&text));
        let count: u32 = masked.counts().values().sum();
        if count > 0 && shown.len() < 20 {
            let masked = String::from_utf8_lossy(masked.bytes()).into_owned();
            let place = masked.find("[REDACTED").unwrap_or_default();
            let near = masked.get(place.saturating_sub(80)..).unwrap_or_default();
            shown.push(near.chars().take(200).collect::<String>());
        }
        masks += count;
    }
    assert!(masks <= ALLOWED, "{masks} masks in {size} bytes: {shown:#?}");
}
