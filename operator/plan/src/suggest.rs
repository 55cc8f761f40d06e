//! "Did you mean …?": the nearest of some known names.

/// The known name that somebody who wrote `written` most likely meant, if one is near enough.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ: `audience` is `audiences`, and `url` is not `tls`.
    let allowed = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The number of letters to insert, remove, replace or swap with the next (optimal string alignment), without
/// regard to case.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    let at = |rows: &[Vec<usize>], row: usize, column: usize| {
        rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or(usize::MAX - 1)
    };
    for row in 1..=left.len() {
        rows.push(vec![row]);
        for column in 1..=right.len() {
            let same = left.get(row - 1) == right.get(column - 1);
            let replaced = at(&rows, row - 1, column - 1) + usize::from(!same);
            let removed = at(&rows, row - 1, column) + 1;
            let inserted = at(&rows, row, column - 1) + 1;
            let is_swap = row > 1
                && column > 1
                && left.get(row - 1) == right.get(column - 2)
                && left.get(row - 2) == right.get(column - 1);
            let swapped = if is_swap { at(&rows, row - 2, column - 2) + 1 } else { usize::MAX };
            let best = replaced.min(removed).min(inserted).min(swapped);
            rows.last_mut().into_iter().for_each(|row| row.push(best));
        }
    }
    at(&rows, left.len(), right.len())
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["gatewayRef", "upstream", "credentials", "access", "url", "tls"];
        for (written, expected) in [
            ("gatewayref", Some("gatewayRef")),
            ("gateway", None),
            ("upsteam", Some("upstream")),
            ("credential", Some("credentials")),
            ("acess", Some("access")),
            ("uri", Some("url")),
            ("limits", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written:?}");
        }
    }

    #[test]
    fn distances_count_slips() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("Tools", "tools", 0),
            ("ab", "ba", 1),
            ("oicd", "oidc", 1),
        ] {
            assert_eq!(distance(left, right), expected, "{left:?} {right:?}");
        }
    }
}
