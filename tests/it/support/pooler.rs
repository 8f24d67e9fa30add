//! pgbouncer, started by a test.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A pooler in front of a server, until it is dropped. Whoever connects is let in as the server's own user.
pub struct Pooler {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Pooler {
    /// One for the databases of the server that a URL names, with these lines of configuration.
    pub fn start(url: &str, configuration: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let (credentials, place) =
            url.strip_prefix("postgres://").and_then(|rest| rest.rsplit_once('@')).expect("a URL with a user");
        let (user, password) = credentials.split_once(':').expect("a URL with a password");
        let (host, server_port) = place.split('/').next().and_then(|place| place.rsplit_once(':')).expect("a URL with a port");
        let directory = tempfile::Builder::new().permissions(readable()).tempdir().expect("a directory");
        let file = directory.path().join("pgbouncer.ini");
        let mut text = format!(
            "[databases]\n* = host={host} port={server_port} user={user} password={password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\nmax_client_conn = 800\nserver_idle_timeout = 1\n"
        );
        // It does not run as root.
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
        text.push_str(if is_root { "user = nobody\n" } else { "" });
        configuration.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
        std::fs::File::create(&file).and_then(|mut file| file.write_all(text.as_bytes())).expect("a configuration");
        let start =
            |program: &str| Command::new(program).arg("-q").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = start("pgbouncer").or_else(|_| start("/usr/sbin/pgbouncer"));
        let process = process.expect("pgbouncer is not installed (Debian and Ubuntu: apt-get install pgbouncer)");
        let pooler = Self { process, port, _directory: directory };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return pooler;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("pgbouncer did not start");
    }

    /// The one that pools sessions for all tests of the binary.
    pub fn of_sessions(url: &str) -> Arc<Self> {
        static SHARED: Mutex<Weak<Pooler>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start(url, &["pool_mode = session", "default_pool_size = 40"]));
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// A database's URL, through the pooler.
    pub fn url(&self, direct: &str) -> String {
        let (credentials, place) = direct.rsplit_once('@').expect("a URL with a user");
        let (_, database) = place.split_once('/').expect("a URL with a database");
        format!("{credentials}@127.0.0.1:{}/{database}", self.port)
    }
}

#[cfg(unix)]
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
