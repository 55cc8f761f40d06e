//! The format of the files in `sql`: statements, each below a line that says what is expected of it.

/// One statement and what a file says of it.
pub struct Case {
    /// The line of the expectation in the file.
    pub line: usize,
    /// The statement, or several.
    pub text: String,
    /// What is expected.
    pub expected: Expected,
}

/// What is expected of a statement.
pub enum Expected {
    /// The names of the kinds of its effects, sorted.
    Effects(Vec<String>),
    /// That it is refused, with this as a part of the reason.
    Refused(String),
}

/// The cases of a file with this content.
pub fn read(content: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in content.lines().enumerate() {
        let expected = if let Some(kinds) = line.strip_prefix("-- effects: ") {
            let mut kinds: Vec<String> = kinds.split(' ').map(str::to_owned).collect();
            kinds.sort();
            Some(Expected::Effects(kinds))
        } else {
            line.strip_prefix("-- refused: ").map(|reason| Expected::Refused(reason.to_owned()))
        };
        match (expected, cases.last_mut()) {
            (Some(expected), _) => cases.push(Case { line: number + 1, text: String::new(), expected }),
            (None, Some(case)) => {
                case.text.push_str(line);
                case.text.push('\n');
            }
            (None, None) => {}
        }
    }
    for case in &mut cases {
        case.text.truncate(case.text.trim_end().len());
    }
    cases
}
