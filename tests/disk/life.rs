//! When rows become segments.

use std::{fs, io::Read as _, time::Duration};

use larder::{Creator as _, Cx, Durability, ErrorKind, Filter, OpenOptions, SegmentStore};

use crate::metric::{Place, at, metric, metrics};

/// Rows wait in a spool until they are flushed; both can be read, and a flush without rows makes no segment.
#[tokio::test]
async fn rows_wait_until_they_are_flushed() {
    let place = Place::new("?content=metrics").await;
    place.store(0..3).await;
    assert_eq!((place.segments.pending(), place.names().len()), (3, 0));
    place.store(3..5).await;
    assert_eq!((place.segments.pending(), place.all().await), (5, metrics(0..5)));
    for _ in 0..2 {
        place.segments.flush().await.unwrap();
        assert_eq!((place.segments.pending(), place.all().await), (0, metrics(0..5)));
        let name = format!("metrics_{}_{}_0000000000.json.br", at(0).timestamp_millis(), at(4).timestamp_millis());
        assert_eq!(place.names(), [name]);
    }
    let segment = &place.segments.segments::<crate::metric::Entity>()[0];
    assert_eq!((segment.start, segment.stop, segment.content.as_str()), (at(0), at(4), "metrics"));
}

/// 300 rows with a limit of 100 are three segments, each with a name of its own though they have the same times.
#[tokio::test]
async fn a_segment_is_closed_at_the_row_limit() {
    let place = Place::new("?rows=100").await;
    for number in 0..300 {
        place.metrics.create(&Cx::new(), &crate::metric::Model { timestamp: at(7), ..metric(number) }).await.unwrap();
    }
    place.segments.flush().await.unwrap();
    assert_eq!((place.names().len(), place.segments.pending()), (3, 0));
    assert_eq!(place.metrics.count(&Cx::new(), &Filter::all()).await.unwrap(), 300);
}

/// Rows that wait longer than the interval become a segment by themselves.
#[tokio::test]
async fn a_segment_is_closed_after_the_interval() {
    let place = Place::new("?interval=50ms").await;
    place.store(0..2).await;
    while place.segments.pending() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((place.names().len(), place.all().await), (1, metrics(0..2)));
}

/// A segment is one JSON array, for any program that has Brotli.
#[tokio::test]
async fn a_segment_is_a_json_array() {
    let place = Place::new("").await;
    place.store(0..2).await;
    place.segments.flush().await.unwrap();
    let file = fs::File::open(&place.segments.segments::<crate::metric::Entity>()[0].path).unwrap();
    let mut text = String::new();
    brotli::Decompressor::new(file, 4096).read_to_string(&mut text).unwrap();
    let array: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(array.len(), 4);
    assert_eq!(array[0], serde_json::json!({ "format_version": 1 }));
    assert_eq!(array[2]["value"], "1.5");
    assert_eq!(array[3]["rows"], 2);
}

/// A process that is killed leaves its spool, of which the next makes a segment. A row is there once.
#[tokio::test]
async fn rows_outlive_the_process() {
    let place = Place::new("?rows=10").await;
    place.store(0..10).await;
    place.segments.flush().await.unwrap();
    place.store(10..14).await;
    let place = place.reopened("?rows=10").await;
    assert_eq!(place.all().await, metrics(0..14));
    let recovery = place.segments.store().recovery();
    assert_eq!((recovery.completed, recovery.removed, recovery.unreadable.len()), (1, 0, 0));
    place.segments.flush().await.unwrap();
    assert_eq!((place.names().len(), place.all().await), (2, metrics(0..14)));
    let place = place.reopened("").await;
    assert_eq!(place.all().await, metrics(0..14));
}

/// A process that is killed between a segment and the end of its spool leaves both: the rows are read once.
#[tokio::test]
async fn rows_of_a_segment_are_read_once_though_its_spool_is_there() {
    let place = Place::new("").await;
    place.store(0..5).await;
    let spool = place.folder.path().join("store/.larder/spool.metric/0000000000000000.spool");
    let copy = fs::read(&spool).unwrap();
    place.segments.flush().await.unwrap();
    assert!(!spool.exists());
    fs::write(&spool, copy).unwrap();
    fs::write(spool.with_extension("new"), b"half").unwrap();
    let place = place.reopened("").await;
    assert_eq!(place.all().await, metrics(0..5));
    let recovery = place.segments.store().recovery();
    assert_eq!((recovery.completed, recovery.removed, recovery.unreadable.len()), (0, 2, 0));
}

/// Whoever flushes waits for the segments that others make.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_waits_for_the_flush_of_others() {
    let place = std::sync::Arc::new(Place::new("?rows=200&level=11").await);
    for round in 0..5 {
        place.store(round * 1_000..round * 1_000 + 1_000).await;
        let flushes = (0..4).map(|_| {
            let place = place.clone();
            tokio::spawn(async move {
                place.segments.flush().await.unwrap();
                place.segments.pending()
            })
        });
        for flush in flushes.collect::<Vec<_>>() {
            assert_eq!(flush.await.unwrap(), 0);
        }
    }
    assert_eq!(place.all().await, metrics(0..5_000));
}

/// When a segment cannot be made, its rows stay, can be read, and become a segment later.
#[tokio::test]
async fn a_flush_that_fails_loses_nothing() {
    let place = Place::new("").await;
    place.store(0..1).await;
    let folder = place.folder.path().join("store/metric");
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, b"in the way").unwrap();
    place.segments.flush().await.unwrap_err();
    assert_eq!((place.segments.pending(), place.all().await), (1, metrics(0..1)));
    place.store(1..2).await;
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    place.segments.flush().await.unwrap();
    assert_eq!((place.segments.pending(), place.all().await), (0, metrics(0..2)));
}

/// Closing a store makes segments of what waits, and leaves the folder to others. Two stores of one folder are refused.
#[tokio::test]
async fn a_store_that_is_closed_leaves_segments() {
    let place = Place::new("").await;
    place.store(0..3).await;
    let url = format!("disk:{}", place.folder.path().join("store").display());
    let options = OpenOptions::new().durability(Durability::Power);
    assert_eq!(SegmentStore::open(&url, &options).await.unwrap_err().kind(), ErrorKind::Connection);
    place.segments.store().close().await;
    let closed = place.metrics.count(&Cx::new(), &Filter::all()).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
    let again = SegmentStore::open(&url, &options).await.unwrap();
    let again_metrics = again.store().append_only::<crate::metric::Entity>();
    assert_eq!(again_metrics.count(&Cx::new(), &Filter::all()).await.unwrap(), 3);
    assert_eq!((again.pending(), again.store().recovery().completed), (0, 0));
}

/// Files are their owner's alone.
#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new("").await;
    place.store(0..1).await;
    place.segments.flush().await.unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let segment = &place.segments.segments::<crate::metric::Entity>()[0];
    assert_eq!((mode(&segment.path), mode(segment.path.parent().unwrap())), (0o600, 0o700));
}
