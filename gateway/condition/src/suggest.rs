//! "Did you mean": the name that is nearest to one that does not exist.

/// `; did you mean …?` with the nearest of `names`, or `; there are …` with all of them, if none is near.
pub(crate) fn suggest(wrong: &str, names: &[&str]) -> String {
    let nearest = names.iter().map(|name| (distance(wrong, name), *name)).min();
    match nearest {
        Some((steps, name)) if steps <= 1 + wrong.len() / 4 => format!("; did you mean {name}?"),
        Some(_) | None => format!("; there are {}", names.join(", ")),
    }
}

/// How many letters must be put in, left out or changed to make one of the other, without regard to case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, own) in left.to_lowercase().chars().enumerate() {
        let mut next = vec![line + 1];
        for ((other, pair), left) in right.iter().zip(row.windows(2)).zip(0..) {
            let (diagonal, above) = (pair.first().unwrap_or(&0), pair.last().unwrap_or(&0));
            let before: &usize = next.get(left).unwrap_or(&0);
            let best = (diagonal + usize::from(own != *other)).min(above + 1).min(before + 1);
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn the_nearest_name_is_suggested_or_else_all() {
        let names = ["issuer", "username", "subject", "groups"];
        assert_eq!(suggest("usrname", &names), "; did you mean username?");
        assert_eq!(suggest("UserName", &names), "; did you mean username?");
        assert_eq!(suggest("group", &names), "; did you mean groups?");
        assert_eq!(suggest("roles", &names), "; there are issuer, username, subject, groups");
        assert_eq!(suggest("", &[]), "; there are ");
    }
}
