//! [`DiskUrl`], what a `disk:` URL says.

use std::{path::PathBuf, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    parameter::{unfit, unknown},
};

/// The parameters of a URL.
const PARAMETERS: [&str; 5] = ["content", "level", "rows", "interval", "time"];

/// Where a store is, and when its segments are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DiskUrl {
    pub(super) path: PathBuf,
    /// What the names of segments begin with.
    pub(super) content: String,
    /// How much Brotli compresses, 0 to 11.
    pub(super) level: u32,
    /// After how many rows a segment is closed.
    pub(super) rows: u64,
    /// After what time a segment with rows is closed.
    pub(super) interval: Duration,
    /// The column with the time of a row. Returns `None` if the table decides.
    pub(super) time: Option<String>,
}

impl DiskUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let place = url.strip_prefix("disk://").or_else(|| url.strip_prefix("disk:")).unwrap_or_default();
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        if path.is_empty() || path.contains('\0') {
            return Err(Error::new(ErrorKind::InvalidInput, "a `disk:` URL without the path of a folder"));
        }
        let unplaced = |error| Error::new(ErrorKind::Io, "the folder of this process is not known").with_source(error);
        let mut parsed = Self {
            path: std::path::absolute(path).map_err(unplaced)?,
            content: "file".to_owned(),
            level: 8,
            rows: 100_000,
            interval: Duration::from_secs(600),
            time: None,
        };
        let mut seen = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            if seen.contains(&name) {
                return Err(Error::new(ErrorKind::InvalidInput, format!("a `disk:` URL with the parameter `{name}` twice")));
            }
            parsed.set(name, value)?;
            seen.push(name);
        }
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let unfit = || unfit("disk", name);
        match name {
            "content" => {
                let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                let fits = (1..=40).contains(&value.len()) && value.bytes().all(is_plain);
                self.content = fits.then(|| value.to_owned()).ok_or_else(unfit)?;
            }
            "level" => self.level = value.parse().ok().filter(|level| *level <= 11).ok_or_else(unfit)?,
            "rows" => self.rows = value.parse().ok().filter(|rows| (1..=10_000_000).contains(rows)).ok_or_else(unfit)?,
            "interval" => self.interval = duration(value).ok_or_else(unfit)?,
            "time" => self.time = Some(value).filter(|name| !name.is_empty()).map(str::to_owned),
            _ => return Err(unknown("disk", name, &PARAMETERS)),
        }
        Ok(())
    }
}

/// A number with `ms`, `s`, `m` or `h` behind it, of up to a day.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(milliseconds)?);
    (Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60)).contains(&duration).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let parsed =
            DiskUrl::parse("disk:/a/b?content=metrics&level=11&rows=7&interval=30s&time=at").unwrap_or_else(|_| unreachable!());
        let expected = DiskUrl {
            path: "/a/b".into(),
            content: "metrics".into(),
            level: 11,
            rows: 7,
            interval: Duration::from_secs(30),
            time: Some("at".into()),
        };
        assert_eq!(parsed, expected);
        assert!(DiskUrl::parse("disk:a").is_ok_and(|url| url.path.is_absolute() && (url.level, url.rows) == (8, 100_000)));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for (url, word) in [
            ("disk:", "path"),
            ("disk:a?levle=1", "`level`"),
            ("disk:a?level=12", "`level`"),
            ("disk:a?level=-1", "`level`"),
            ("disk:a?rows=0", "`rows`"),
            ("disk:a?interval=30", "`interval`"),
            ("disk:a?interval=0s", "`interval`"),
            ("disk:a?interval=25h", "`interval`"),
            ("disk:a?content=a_b", "`content`"),
            ("disk:a?content=../x", "`content`"),
            ("disk:a?level=1&level=1", "twice"),
        ] {
            let error = DiskUrl::parse(url).map(drop).map_err(|error| (error.kind(), error.to_string()));
            let Err((kind, text)) = error else { unreachable!("{url}") };
            assert!(kind == ErrorKind::InvalidInput && text.contains(word), "{url}: {text}");
        }
    }
}
