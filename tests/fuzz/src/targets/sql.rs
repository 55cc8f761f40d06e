//! Statements: what is found of a text is found wherever it stands, and what people are shown of it does the same.

use lychgate_gateway_command::sql::{Analysis, Dialect, Kind, Limits, Statement, analyse};

/// The dialect, as one byte, and a text.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let dialect = Dialect::ALL[usize::from(*choice) % Dialect::ALL.len()];
    let analyse = |text: &str| analyse(text, dialect, &Limits::default());
    let analysis = match analyse(text) {
        Ok(analysis) => analysis,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            return;
        }
    };
    check(text, &analysis);
    let kinds = |analysis: &Analysis| analysis.statements.iter().map(Statement::kinds).collect::<Vec<_>>();
    let spaced = analyse(&format!(" \n{text}\n\t")).expect("blanks around a text are nothing");
    assert_eq!(kinds(&spaced), kinds(&analysis), "and change nothing");
    // Where another statement may follow, the first ones stay what they are.
    if let Ok(batch) = analyse(&format!("{text}\n;\nDROP TABLE t")) {
        assert!(batch.statements.len() > analysis.statements.len());
        assert_eq!(kinds(&batch)[..analysis.statements.len()], kinds(&analysis));
        assert_eq!(batch.statements.last().unwrap().kinds(), [Kind::Schema]);
    }
    for statement in &analysis.statements {
        if let Ok(shown) = analyse(&statement.canonical) {
            assert_eq!(shown.kinds(), statement.kinds(), "what is shown does what was sent");
        }
    }
}

fn check(text: &str, analysis: &Analysis) {
    assert!(!analysis.statements.is_empty());
    let lines = text.lines().count() as u64 + 1;
    for statement in &analysis.statements {
        assert!(!statement.canonical.chars().any(char::is_control), "it is shown on one line");
        let kinds = statement.kinds();
        assert!(!kinds.is_empty());
        assert!(kinds.len() == 1 || !kinds.contains(&Kind::Read), "a read stands alone");
        for effect in &statement.effects {
            assert!((1..=lines).contains(&effect.place.line) && effect.place.column >= 1);
        }
    }
}
