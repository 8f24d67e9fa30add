//! What a `postgres:` URL asks for. The driver would ignore what it does not know, and log its value: it is given only what is
//! known.

use std::{fmt::Write as _, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::session::{SessionOptions, TargetSession};
use crate::{
    error::{Error, ErrorKind, Result},
    parameter::{unfit, unknown},
};

/// The parameters of a URL, and the names that the driver knows them by.
const PARAMETERS: [(&str, &str); 18] = [
    ("host", "host"),
    ("hostaddr", "hostaddr"),
    ("port", "port"),
    ("dbname", "dbname"),
    ("user", "user"),
    ("password", "password"),
    ("application_name", "application_name"),
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("ssl-cert", "sslcert"),
    ("sslkey", "sslkey"),
    ("ssl-key", "sslkey"),
    ("statement-cache-capacity", "statement-cache-capacity"),
    ("target_session_attrs", ""),
];

/// The parameters that name files.
const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

const OPTIONS: &str = "options";
const SEARCH_PATH: &str = "search_path";

/// Parameters of libpq that ask for something that larder does not do.
const UNSUPPORTED: [&str; 24] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcompression",
    "sslcrl",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "tcp_user_timeout",
];

const SEVERAL_HOSTS: &str = "a `postgres:` URL with several hosts; it takes one";

const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The files that certificates and keys are read from, by the parameters that name them.
pub(super) type Files = Vec<(&'static str, String)>;

/// How to connect, what a new session is to be, and what the driver reads.
pub(super) fn parse(url: &str) -> Result<(PgConnectOptions, SessionOptions, Files)> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let rest = rest.ok_or_else(|| invalid("a `postgres:` URL has the form `postgres://USER:PASSWORD@HOST:PORT/DATABASE`"))?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let mut parsed = Parsed::default();
    parsed.authority(authority)?;
    parsed.known("dbname", &decoded(database.trim_start_matches('/'))?);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        parsed.parameter(&decoded(name)?, &decoded(value)?)?;
    }
    // What the driver complains about may quote a value, so its error is not kept.
    let connect =
        PgConnectOptions::from_str(&parsed.known).map_err(|_| invalid("a `postgres:` URL that cannot be understood"))?;
    // The driver reads none of them then.
    let is_plain = matches!(connect.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow);
    Ok((connect, parsed.session, if is_plain { Vec::new() } else { parsed.files }))
}

struct Parsed {
    /// What the driver is given: a URL whose every part is a parameter.
    known: String,
    session: SessionOptions,
    given: Vec<String>,
    files: Files,
}

impl Default for Parsed {
    fn default() -> Self {
        Self { known: "postgres:///?".to_owned(), session: SessionOptions::default(), given: Vec::new(), files: Vec::new() }
    }
}

impl Parsed {
    fn known(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.known.push_str(name);
        self.known.push('=');
        for byte in value.bytes() {
            // Writing to text does not fail.
            let _ = write!(self.known, "%{byte:02X}");
        }
        self.known.push('&');
    }

    fn authority(&mut self, authority: &str) -> Result<()> {
        let (credentials, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        self.known("user", &decoded(user)?);
        self.known("password", &decoded(password)?);
        let (host, port) = match place.strip_prefix('[').map(|inside| inside.split_once(']')) {
            Some(Some((address, rest))) if rest.is_empty() || rest.starts_with(':') => (address, rest.trim_start_matches(':')),
            Some(_) => return Err(invalid("a `postgres:` URL whose address in brackets does not end")),
            None => place.rsplit_once(':').unwrap_or((place, "")),
        };
        if place.contains(',') {
            return Err(Error::new(ErrorKind::Unsupported, SEVERAL_HOSTS));
        }
        if host.contains(':') && !place.starts_with('[') {
            return Err(invalid("a `postgres:` URL with an IPv6 address that is not in brackets"));
        }
        self.driver("host", &decoded(host)?)?;
        self.driver("port", &decoded(port)?)
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<()> {
        let is_option = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
        if is_option.is_none() && name != OPTIONS {
            if self.given.iter().any(|given| given == name) {
                return Err(Error::new(ErrorKind::InvalidInput, "a `postgres:` URL with a parameter that is given twice"));
            }
            self.given.push(name.to_owned());
        }
        if let Some(setting) = is_option {
            self.session.set(setting, value);
            return Ok(());
        }
        match name {
            "target_session_attrs" => self.session.target = TargetSession::parse(value).ok_or_else(|| unfit("postgres", name))?,
            SEARCH_PATH => self.session.set(SEARCH_PATH, value),
            OPTIONS => self.options(value)?,
            name => match PARAMETERS.iter().find(|(known, _)| *known == name) {
                Some((_, driver)) => {
                    // A text that begins so is the certificate itself.
                    if FILES.contains(driver) && !value.is_empty() && !value.trim_start().starts_with("-----BEGIN") {
                        self.files.push((*driver, value.to_owned()));
                    }
                    return self.driver(driver, value);
                }
                None if UNSUPPORTED.contains(&name) => {
                    let message = format!("larder does nothing about the parameter `{name}` of a `postgres:` URL");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                None => {
                    let known: Vec<_> = PARAMETERS.iter().map(|(known, _)| *known).chain([OPTIONS, SEARCH_PATH]).collect();
                    return Err(unknown("postgres", name, &known));
                }
            },
        }
        Ok(())
    }

    /// A parameter that the driver is given.
    fn driver(&mut self, name: &str, value: &str) -> Result<()> {
        let fits = match name {
            "host" | "hostaddr" | "port" if value.contains(',') => {
                return Err(Error::new(ErrorKind::Unsupported, SEVERAL_HOSTS));
            }
            "port" => value.is_empty() || value.parse::<u16>().is_ok_and(|port| port > 0),
            "hostaddr" => value.parse::<std::net::IpAddr>().is_ok(),
            "sslmode" => SSL_MODES.contains(&value),
            "statement-cache-capacity" => value.parse::<usize>().is_ok(),
            _ => true,
        };
        if !fits {
            return Err(unfit("postgres", name));
        }
        self.known(name, value);
        Ok(())
    }

    /// Settings as a command line has them: `-c name=value`, `--name=value`. A backslash takes the meaning from a blank.
    fn options(&mut self, value: &str) -> Result<()> {
        let mut words = words(value).into_iter();
        while let Some(word) = words.next() {
            let setting = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
                (Some(setting), _) => {
                    Some(setting.replacen('-', "_", setting.split('=').next().unwrap_or_default().matches('-').count()))
                }
                (None, Some("")) => words.next(),
                (None, setting) => setting.map(str::to_owned),
            };
            let setting = setting.as_deref().and_then(|setting| setting.split_once('='));
            let (name, value) = setting.ok_or_else(|| unfit("postgres", OPTIONS))?;
            self.session.set(name, value);
        }
        Ok(())
    }
}

/// The words of a text, between blanks.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut letters) = (Vec::new(), String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            blank if blank.is_whitespace() => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Text without its percent signs.
fn decoded(text: &str) -> Result<String> {
    let broken =
        || invalid("a `postgres:` URL with a percent sign that no two hexadecimal digits follow, or with bytes that are no text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())).ok_or_else(broken)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(broken)
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> Option<ErrorKind> {
        parse(url).err().map(|error| error.kind())
    }

    #[test]
    fn what_is_known_comes_to_the_driver() -> Result<()> {
        let (connect, ..) = parse("postgres://us%65r:p%40s+s@db.example:5433/data%20base?sslmode=require&application_name=a+b")?;
        assert_eq!((connect.get_host(), connect.get_port(), connect.get_username()), ("db.example", 5433, "user"));
        assert_eq!((connect.get_database(), connect.get_application_name()), (Some("data base"), Some("a+b")));
        assert_eq!(parse("postgresql://u@[::1]:5432/d")?.0.get_host(), "::1");
        assert_eq!(parse("postgres://u@h/d?host=::1&port=1")?.0.get_host(), "::1");
        assert_eq!(parse("postgres://u@%2Fvar%2Frun/d")?.0.get_socket().and_then(|path| path.to_str()), Some("/var/run"));
        assert_eq!(parse("postgres:///d?host=/tmp&%75ser=x")?.0.get_username(), "x");
        assert_eq!(parse("postgres://user@host:pa@host/d")?.0.get_username(), "user@host");
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_refused_and_named() {
        for (url, name, nearest) in [
            ("postgres://u@h/d?sslmod=verify-full", "`sslmod`", "`sslmode`"),
            ("postgres://u:x@h/d?pasword=s3cret", "`pasword`", "`password`"),
            ("postgres://u@h/d?target_session_atrs=s3cret", "`target_session_atrs`", "`target_session_attrs`"),
            ("postgres://u@h/d?searchpath=s3cret", "`searchpath`", "`search_path`"),
            ("postgres://u@h/d?ssl%6Dod=s3cret", "`sslmod`", "`sslmode`"),
        ] {
            let error = parse(url).err();
            assert_eq!(error.as_ref().map(Error::kind), Some(ErrorKind::InvalidInput), "{url}");
            let told = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
            assert!(told.contains(name) && told.contains(nearest) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for url in [
            "postgres:u@h",
            "postgres://u@h:port/d",
            "postgres://u@h:0/d",
            "postgres://u@::1/d",
            "postgres://u@[::1/d",
            "postgres://u:%zz@h/d",
            "postgres://u:%ff@h/d",
            "postgres://u@h/d%00",
            "postgres://u@h/d?sslmode=verify",
            "postgres://u@h/d?sslmode=",
            "postgres://u@h/d?port=x",
            "postgres://u@h/d?hostaddr=name",
            "postgres://u@h/d?statement-cache-capacity=some",
            "postgres://u@h/d?target_session_attrs=writable",
            "postgres://u@h/d?options=-x",
            "postgres://u@h/d?options=-c%20a",
            "postgres://u@h/d?sslmode=disable&sslmode=require",
            "postgres://u@h/d?password",
        ] {
            assert_eq!(kind(url), Some(ErrorKind::InvalidInput), "{url}");
        }
        for url in
            ["postgres://u@h1,h2/d", "postgres://u@h1:1,h2:2/d", "postgres://u@/d?host=a,b", "postgres://u@h/d?connect_timeout=3"]
        {
            assert_eq!(kind(url), Some(ErrorKind::Unsupported), "{url}");
        }
    }

    #[test]
    fn settings_are_those_of_the_session() -> Result<()> {
        let (connect, session, _) = parse(
            "postgres://u@h/d?search_path=a,b&options=-c%20geqo=off%20--work-mem=1MB%20-ca.b=c%5C%20d&options[jit]=off\
             &target_session_attrs=read-write",
        )?;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected =
            [pair("search_path", "a,b"), pair("geqo", "off"), pair("work_mem", "1MB"), pair("a.b", "c d"), pair("jit", "off")];
        assert_eq!((session.settings.as_slice(), session.target), (expected.as_slice(), TargetSession::ReadWrite));
        assert_eq!(connect.get_options(), None);
        Ok(())
    }
}
