//! Text for a terminal.

/// Text without what would move a terminal's cursor.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A URL without its password, and without parameters, which may hold one.
pub fn shown(url: &str) -> String {
    let url = if url.starts_with("postgres") { url.split('?').next().unwrap_or_default() } else { url };
    let password = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    };
    password().unwrap_or_else(|| url.to_owned())
}
