//! TLS that a store asks for, and cannot have: each error stays until somebody changes a setting or a certificate, and says so.

use std::path::Path;

use larder::{Cx, Error, ErrorClass, ErrorKind, SqlText, Store};

use super::{IDLE, until};
use crate::support::postgres::OwnServer;

/// Gives the server a certificate and its key.
const ENABLED: &str = concat!(
    "umask 077; printf %s '",
    include_str!("certificates/server.pem"),
    "' > /tmp/server.pem; printf %s '",
    include_str!("certificates/server.key"),
    "' > /tmp/server.key",
);

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
}

async fn refused(url: &str) -> Error {
    let error = larder::open(url).await.unwrap_err();
    assert_eq!((error.kind().class(), error.is_retryable()), (ErrorClass::Permanent, false), "{error}");
    error
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Lets a server encrypt.
async fn encrypt(server: &OwnServer, store: &Store, url: &str) {
    server.script(ENABLED).await;
    run(store, "ALTER SYSTEM SET ssl_cert_file = '/tmp/server.pem'").await;
    run(store, "ALTER SYSTEM SET ssl_key_file = '/tmp/server.key'").await;
    run(store, "ALTER SYSTEM SET ssl = on").await;
    run(store, "SELECT pg_reload_conf()").await;
    until(|| async { larder::open(&format!("{url}?sslmode=require")).await.is_ok() }).await;
}

/// Certificates of others, files that hold none, files that are not there, and a certificate without its key.
async fn certificates_are_refused(url: &str, directory: &Path, ours: &str) {
    let other = file(directory, "other.pem", include_str!("certificates/other.pem"));
    let text = file(directory, "text.pem", "-----BEGIN CERTIFICATE-----\nno certificate\n-----END CERTIFICATE-----\n");
    let missing = directory.join("missing.pem").display().to_string();
    for mode in ["verify-ca", "verify-full"] {
        assert_eq!(refused(&format!("{url}?sslmode={mode}&sslrootcert={other}")).await.kind(), ErrorKind::Auth);
        assert_eq!(refused(&format!("{url}?sslmode={mode}")).await.kind(), ErrorKind::Auth);
        assert_eq!(refused(&format!("{url}?sslmode={mode}&sslrootcert={text}")).await.kind(), ErrorKind::InvalidInput);
    }
    for parameter in ["sslrootcert", "sslcert", "sslkey"] {
        let error = refused(&format!("{url}?sslmode=verify-full&{parameter}={missing}")).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(parameter) && !error.to_string().contains("missing.pem"), "{error}");
    }
    let alone = format!("{url}?sslmode=require&sslcert={ours}");
    assert_eq!(refused(&alone).await.kind(), ErrorKind::InvalidInput);
    let no_key = format!("{url}?sslmode=require&sslcert={ours}&sslkey={ours}");
    assert_eq!(refused(&no_key).await.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn certificates_that_do_not_serve_are_permanent_errors() {
    let Some(server) = OwnServer::started().await else { return };
    let database = server.database().await;
    let url = database.url();
    let directory = tempfile::tempdir().unwrap();
    let ours = file(directory.path(), "ca.pem", include_str!("certificates/ca.pem"));

    // The server has no TLS yet.
    assert_eq!(refused(&format!("{url}?sslmode=require")).await.kind(), ErrorKind::InvalidInput);
    let store = larder::open(&url).await.unwrap();
    encrypt(&server, &store, &url).await;

    let verified = larder::open(&format!("{url}?sslmode=verify-full&sslrootcert={ours}")).await.unwrap();
    let ssl = SqlText::new("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    assert_eq!(verified.sql().unwrap().query_as::<bool>(&Cx::new(), &ssl).await.unwrap(), [true]);
    certificates_are_refused(&url, directory.path(), &ours).await;

    // A certificate that is replaced by one that is not trusted: what the store says later is as plain.
    run(&store, "ALTER SYSTEM SET ssl = off").await;
    run(&store, "SELECT pg_reload_conf()").await;
    until(|| async { larder::open(&format!("{url}?sslmode=require")).await.is_err() }).await;
    run(&store, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()").await;
    tokio::time::sleep(IDLE).await;
    let error = verified.sql().unwrap().query_as::<bool>(&Cx::new(), &ssl).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().class()), (ErrorKind::InvalidInput, ErrorClass::Permanent), "{error}");
}
