//! Parameters of a store's URL that are not known.

use crate::error::{Error, ErrorKind};

/// A parameter that none of the known ones is. The error names it, and the known one that is nearest to it; never a value, and no
/// text that may be a part of one.
pub(crate) fn unknown(scheme: &str, name: &str, known: &[&'static str]) -> Error {
    let is_name = !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-'));
    let nearest = known.iter().min_by_key(|known| distance(&name.to_ascii_lowercase(), known));
    let message = match nearest {
        Some(nearest) if is_name => {
            format!("a `{scheme}:` URL with the unknown parameter `{name}`; the nearest that is known is `{nearest}`")
        }
        _ => format!("a `{scheme}:` URL with something that is no parameter; known are {}", known.join(", ")),
    };
    Error::new(ErrorKind::InvalidInput, message)
}

/// A parameter with a value that it does not take.
pub(crate) fn unfit(scheme: &str, name: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("a `{scheme}:` URL whose parameter `{name}` has a value that it does not take"))
}

/// How many letters have to be put in, left out or replaced to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        for (place, replaced) in row.iter_mut().skip(1).zip(other.chars()) {
            let above = *place;
            left = (diagonal + usize::from(letter != replaced)).min(above + 1).min(left + 1);
            (diagonal, *place) = (above, left);
        }
        row.iter_mut().take(1).for_each(|first| *first = at + 1);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changed_letters() {
        for (one, other, expected) in
            [("", "", 0), ("abc", "", 3), ("sslmod", "sslmode", 1), ("pasword", "password", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn only_names_are_shown() {
        let told = |name| unknown("postgres", name, &["sslmode", "password"]).to_string();
        assert!(told("pasword").contains("`pasword`") && told("pasword").contains("`password`"));
        for part_of_a_value in ["s3cret", "", "a b", "%41"] {
            assert!(!told(part_of_a_value).contains("`password`"), "{part_of_a_value}");
        }
    }
}
