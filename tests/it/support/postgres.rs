//! One Postgres server for the test binary, and one database for each test.
//!
//! The server is the first of: the one that `LARDER_POSTGRES_URL` names; a container of `LARDER_POSTGRES_IMAGE`; a container of
//! `postgres:17-alpine`; a container of an image made from the Postgres that is installed here. With none of them the tests fail.
//! `LARDER_SKIP_POSTGRES=1` leaves them out.

use std::{
    env,
    process::Command,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use larder::OpenOptions;
use sea_orm::{ConnectionTrait, Database};
use testcontainers::{
    Container, GenericImage, ImageExt,
    core::{IntoContainerPort, Mount},
    runners::SyncRunner,
};

use super::create_tables;

const OFFICIAL_IMAGE: &str = "postgres:17-alpine";
const LOCAL_IMAGE: &str = "larder-postgres:local";
/// Taken along in the test binary, which may be run from anywhere.
const IMAGE_SCRIPT: &str = include_str!("../../support/postgres_image.sh");
const TEMPLATE: &str = "larder_template";
const DATA: &str = "/var/lib/larder";

/// A server for as long as somebody holds it.
pub struct Server {
    /// The URL of a database, without the database.
    base: String,
    /// The database to be connected to when others are made.
    admin: String,
    template: String,
    container: Option<Container<GenericImage>>,
}

/// A database of one test, dropped with it.
pub struct TestDatabase {
    server: Arc<Server>,
    name: String,
}

pub fn is_skipped() -> bool {
    env::var("LARDER_SKIP_POSTGRES").is_ok_and(|value| value == "1")
}

impl TestDatabase {
    /// A database with the tables of the test entities.
    pub async fn with_tables() -> Self {
        let server = tokio::task::spawn_blocking(server).await.expect("a Postgres server");
        let options = format!(r#"TEMPLATE "{}""#, server.template);
        Self::made(server, &options).await
    }

    pub async fn empty() -> Self {
        Self::made(tokio::task::spawn_blocking(server).await.expect("a Postgres server"), "").await
    }

    /// A database that sorts text as English dictionaries do.
    pub async fn in_english() -> Self {
        let server = tokio::task::spawn_blocking(server).await.expect("a Postgres server");
        Self::made(server, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'").await
    }

    /// A database that does not know what the bytes of its texts mean.
    pub async fn of_bytes() -> Self {
        let server = tokio::task::spawn_blocking(server).await.expect("a Postgres server");
        Self::made(server, "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'").await
    }

    async fn made(server: Arc<Server>, options: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("larder_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        server.admin(&format!(r#"CREATE DATABASE "{name}" {options}"#)).await;
        Self { server, name }
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.server.base, self.name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Another database of the same server's.
    pub fn admin_url(&self) -> String {
        format!("{}/{}", self.server.base, self.server.admin)
    }
}

/// A server of one test's own, that can be killed and paused. Its data outlives that.
pub struct OwnServer(Arc<Server>);

impl OwnServer {
    /// None, with a word about it, where the tests are given a server that is not theirs.
    pub async fn started() -> Option<Self> {
        if env::var("LARDER_POSTGRES_URL").is_ok() {
            eprintln!("skipped: the server of LARDER_POSTGRES_URL is not killed or paused");
            return None;
        }
        let server = tokio::task::spawn_blocking(|| elsewhere(|| started(true)));
        Some(Self(Arc::new(server.await.expect("a Postgres server"))))
    }

    /// A database with the tables of the test entities.
    pub async fn database(&self) -> TestDatabase {
        let database = TestDatabase::made(self.0.clone(), "").await;
        let store = OpenOptions::new().open(&database.url()).await.expect("the database");
        create_tables(&store).await;
        store.close().await;
        database
    }

    /// Runs a command of Docker's on the server, such as `kill`.
    pub async fn docker(&self, arguments: &'static [&'static str]) {
        let id = self.0.container.as_ref().expect("a container").id().to_owned();
        let ran = tokio::task::spawn_blocking(move || Command::new("docker").args(arguments).arg(id).output());
        let output = ran.await.expect("a thread").expect("docker");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a script in the server's container.
    pub async fn script(&self, script: &'static str) {
        let id = self.0.container.as_ref().expect("a container").id().to_owned();
        let run = move || Command::new("docker").args(["exec", "-u", "postgres", &id, "sh", "-c", script]).output();
        let output = tokio::task::spawn_blocking(run).await.expect("a thread").expect("docker");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The address of the server's container, at which all of its ports are open.
    pub async fn address(&self) -> String {
        let id = self.0.container.as_ref().expect("a container").id().to_owned();
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let run = move || Command::new("docker").args(["inspect", "-f", format, &id]).output();
        let output = tokio::task::spawn_blocking(run).await.expect("a thread").expect("docker");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Where the server is now: a container that is started again is at another port.
    pub async fn place(&self) -> String {
        let server = self.0.clone();
        let port =
            move || server.container.as_ref().expect("a container").get_host_port_ipv4(5432).expect("the container's port");
        format!("127.0.0.1:{}", tokio::task::spawn_blocking(move || elsewhere(port)).await.expect("a thread"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A container takes its databases with it.
        if self.server.container.is_none() {
            let (server, name) = (self.server.clone(), self.name.clone());
            elsewhere(move || block_on(server.admin(&format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#))));
        }
    }
}

impl Server {
    /// Runs a statement that changes which databases there are.
    async fn admin(&self, statement: &str) {
        let database = Database::connect(format!("{}/{}", self.base, self.admin)).await.expect("a connection to Postgres");
        database.execute_unprepared(statement).await.expect("a statement of the tests' own");
        database.close().await.expect("a closed connection");
    }

    async fn make_template(&self) {
        self.admin(&format!(r#"DROP DATABASE IF EXISTS "{}" WITH (FORCE)"#, self.template)).await;
        self.admin(&format!(r#"CREATE DATABASE "{}""#, self.template)).await;
        let store = OpenOptions::new().open(&format!("{}/{}", self.base, self.template)).await.expect("the template");
        create_tables(&store).await;
        store.close().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both block, which a test's own thread may not.
        elsewhere(|| match self.container.take() {
            Some(container) => drop(container),
            None => block_on(self.admin(&format!(r#"DROP DATABASE IF EXISTS "{}" WITH (FORCE)"#, self.template))),
        });
    }
}

/// The server, started if nobody holds one.
fn server() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SERVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let server = elsewhere(|| {
        let server = match env::var("LARDER_POSTGRES_URL") {
            Ok(url) => existing(&url),
            Err(_) => started(false),
        };
        block_on(server.make_template());
        server
    });
    let server = Arc::new(server);
    *shared = Arc::downgrade(&server);
    server
}

fn existing(url: &str) -> Server {
    let (base, admin) = url.rsplit_once('/').expect("LARDER_POSTGRES_URL has the form postgres://USER:PASSWORD@HOST/DATABASE");
    let template = format!("{TEMPLATE}_{}", std::process::id());
    Server { base: base.to_owned(), admin: admin.to_owned(), template, container: None }
}

/// A container, whose data outlives its end or not.
fn started(is_durable: bool) -> Server {
    let image = image();
    let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    let request = GenericImage::new(name, tag).with_exposed_port(5432.tcp()).with_env_var("POSTGRES_PASSWORD", "postgres");
    let request = if is_durable {
        request
    } else {
        // In memory: a container's own file system may be many times slower than a disk.
        request.with_mount(Mount::tmpfs_mount(DATA)).with_env_var("PGDATA", format!("{DATA}/cluster")).with_cmd([
            "postgres",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
        ])
    };
    let container = request.start().unwrap_or_else(|error| panic!("the image {image} does not start: {error}"));
    let port = container.get_host_port_ipv4(5432).expect("the container's port");
    let base = format!("postgres://postgres:postgres@127.0.0.1:{port}");
    let server = Server { base, admin: "postgres".to_owned(), template: TEMPLATE.to_owned(), container: Some(container) };
    // The first start makes a cluster, and only the last of the servers it runs answers on this port.
    for _ in 0..240 {
        if block_on(larder::open(&format!("{}/postgres", server.base))).is_ok() {
            return server;
        }
        thread::sleep(Duration::from_millis(250));
    }
    panic!("the container of {image} did not accept connections within a minute");
}

pub fn image() -> String {
    if let Ok(image) = env::var("LARDER_POSTGRES_IMAGE") {
        return image;
    }
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).output().is_ok_and(|output| output.status.success());
    let present = [OFFICIAL_IMAGE, LOCAL_IMAGE].into_iter().find(|image| docker(&["image", "inspect", image]));
    if let Some(image) = present.or_else(|| docker(&["pull", "-q", OFFICIAL_IMAGE]).then_some(OFFICIAL_IMAGE)) {
        return image.to_owned();
    }
    let made = Command::new("sh").args(["-c", IMAGE_SCRIPT, "postgres_image.sh", LOCAL_IMAGE]).output();
    match made {
        Ok(output) if output.status.success() => LOCAL_IMAGE.to_owned(),
        Ok(output) => no_server(&String::from_utf8_lossy(&output.stderr)),
        Err(error) => no_server(&error.to_string()),
    }
}

fn no_server(reason: &str) -> ! {
    panic!(
        "The Postgres tests have no server: {OFFICIAL_IMAGE} cannot be pulled, and no image can be made of a local installation \
         ({}). Start Docker and either install Postgres' server packages or give it a registry; or set LARDER_POSTGRES_URL to a \
         server, LARDER_POSTGRES_IMAGE to an image, or LARDER_SKIP_POSTGRES=1 to leave these tests out.",
        reason.trim()
    )
}

/// Runs something that blocks, away from any runtime.
fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
