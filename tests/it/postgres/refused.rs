//! Triggers and policies that refuse one model with a code which reads like the server's own state.

use futures::future::join_all;
use larder::{Cx, ErrorKind, HealthStatus, Journal, ReaderExt, SqlText, WriteBehind, WriteBehindOptions};
use uuid::Uuid;

use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

/// Row-level security, a missing table, serialization, a deadlock, a lock, a read-only server, its disk, its network, a cancelled
/// statement, a full disk.
const CODES: [&str; 10] = ["42501", "42P01", "40001", "40P01", "55P03", "25006", "58030", "08006", "57014", "53100"];

/// The trigger refuses a model whose text is a code.
const TRIGGER: [&str; 2] = [
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
       IF NEW.body ~ '^[0-9A-Z]{5}$' THEN RAISE EXCEPTION 'refused' USING ERRCODE = NEW.body; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER refuse BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION refuse()",
];

/// A queue reports the model, stores all others, and goes on; its journal has nothing left for the next queue.
#[tokio::test]
async fn a_model_that_a_trigger_refuses_is_reported_by_a_queue() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    for text in TRIGGER {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
    }
    let notes = store.repository::<note::Entity>();
    let refused = CODES.map(|code| {
        let notes = notes.clone();
        async move {
            let folder = tempfile::tempdir().unwrap();
            let start = || {
                let options = WriteBehindOptions::new().batch_size(10);
                let builder = WriteBehind::builder(notes.clone()).options(options).reconcile_by_id();
                builder.journal(Journal::at(folder.path())).start()
            };
            let queue = start().await.unwrap();
            let mut given: Vec<_> = (0..30).map(|number| note(&format!("{code}-{number}"))).collect();
            given[13].body = code.to_owned();
            let tickets = queue.submit_many(&Cx::new(), &given).unwrap();
            let told = join_all(tickets).await;
            let failed: Vec<_> = told.iter().enumerate().filter_map(|(at, told)| Some((at, told.as_ref().err()?))).collect();
            assert_eq!((failed.len(), failed[0].0, failed[0].1.code()), (1, 13, Some(code)), "{failed:?}");
            assert_eq!(queue.health().status, HealthStatus::Up, "{code}");
            assert_eq!(queue.close(&Cx::new()).await.stored, 29);
            let next = start().await.unwrap();
            assert_eq!(next.close(&Cx::new()).await.accepted, 0, "{code}");
        }
    });
    join_all(refused).await;
    assert_eq!(notes.all(&Cx::new()).await.unwrap().len(), 29 * CODES.len());
}

/// The same of a policy of the table, which the code of a missing privilege tells of.
#[tokio::test]
async fn a_model_that_a_policy_refuses_is_reported_by_a_queue() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let user = format!("u{}", Uuid::new_v4().simple());
    for text in [
        format!("CREATE ROLE {user} LOGIN PASSWORD 'secret'"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"),
        "ALTER TABLE note ENABLE ROW LEVEL SECURITY".to_owned(),
        "CREATE POLICY only_public ON note USING (true) WITH CHECK (body <> 'private')".to_owned(),
    ] {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
    }
    let url = database.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let limited = larder::open(&format!("{scheme}://{user}:secret@{place}")).await.unwrap();
    let queue = WriteBehind::builder(limited.repository::<note::Entity>()).reconcile_by_id().start().await.unwrap();
    let bodies = ["a", "private", "b", "c"];
    let tickets = queue.submit_many(&Cx::new(), &bodies.map(note)).unwrap();
    let told: Vec<_> = join_all(tickets).await.into_iter().map(|told| told.err().map(|error| error.kind())).collect();
    assert_eq!(told, [None, Some(ErrorKind::Auth), None, None]);
    queue.close(&Cx::new()).await;
    limited.close().await;
    for text in [format!("DROP OWNED BY {user}"), format!("DROP ROLE {user}")] {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
    }
}
