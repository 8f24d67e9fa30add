//! What a URL asks for, asked of a server.

use larder::{Cx, ErrorKind, SqlText, Store};
use tokio::net::{TcpListener, TcpStream};

use super::server_of;
use crate::support::{
    postgres::{TestDatabase, is_skipped},
    warnings::warnings,
};

async fn text(store: &Store, sql: &str) -> String {
    store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(sql)).await.unwrap().remove(0)
}

/// A parameter that is not known is refused by its name, and neither the error nor the log shows its value.
#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused_without_its_value() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let (warned, _guard) = warnings();
    for (parameter, nearest) in [("pasword", "password"), ("sslmod", "sslmode"), ("seach_path", "search_path")] {
        let error = larder::open(&format!("{}?{parameter}=s3cret", database.url())).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(told.contains(parameter) && told.contains(nearest) && !told.contains("s3cret"), "{told}");
    }
    assert!(warned.lock().unwrap().is_empty());
}

/// Settings of the URL hold in every session.
#[tokio::test]
async fn settings_hold_in_every_session() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let url = format!("{}?search_path=a,public&options=-c%20work_mem=3MB&options[geqo]=off", database.url());
    let store = larder::open(&url).await.unwrap();
    let settings = "SELECT concat_ws(' ', current_setting('search_path'), current_setting('work_mem'), current_setting('geqo'), pg_sleep(0.2))";
    let asked = futures::future::join_all((0..3).map(|_| text(&store, settings))).await;
    assert_eq!(asked, ["a,public 3MB off "; 3]);
}

/// An IPv6 address in brackets is connected to.
#[tokio::test]
async fn an_address_in_brackets_is_connected_to() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let server = server_of(&database.url()).to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let url = format!("postgres://postgres:postgres@[::1]:{port}/{}", database.name());
    let store = larder::open(&url).await.unwrap();
    assert_eq!(text(&store, "SELECT current_database()::text").await, database.name());
}
