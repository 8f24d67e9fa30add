//! Segments and spools that were cut, changed or made by others.

use std::{collections::BTreeSet, fs, path::PathBuf};

use larder::{Creator as _, Cx, ErrorKind, Recovery};

use crate::metric::{Entity, Place, metric, metrics};

/// A store with one segment of 600 rows, and another of ten.
async fn two_segments() -> (Place, PathBuf) {
    let place = Place::new("?level=1").await;
    place.store(0..600).await;
    place.segments.flush().await.unwrap();
    place.store(600..610).await;
    place.segments.flush().await.unwrap();
    let path = place.segments.segments::<Entity>()[0].path.clone();
    (place, path)
}

fn kinds(recovery: &Recovery) -> Vec<ErrorKind> {
    recovery.unreadable.iter().map(|unreadable| unreadable.error.kind()).collect()
}

/// What is read are rows that were written: all of the second segment, and some of the first, up to a block. Returns how many.
async fn rows_of_the_first(place: &Place) -> usize {
    let found = place.all().await;
    let rows = found.len() - 10;
    assert_eq!(found[..rows], metrics(0..i64::try_from(rows).unwrap()));
    assert_eq!(found[rows..], metrics(600..610));
    rows
}

/// Wherever a segment is cut, the rows before are read, those of others as well, and it is reported until it is whole again.
#[tokio::test]
async fn a_segment_that_was_cut_gives_its_first_rows() {
    let (place, path) = two_segments().await;
    let whole = fs::read(&path).unwrap();
    let mut seen = BTreeSet::new();
    for length in (0..whole.len()).step_by(whole.len() / 60).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        seen.insert(rows_of_the_first(&place).await);
        assert_eq!(kinds(&place.segments.store().recovery()), [ErrorKind::Corrupt], "{length}");
    }
    assert_eq!(seen, [0, 256, 512].into());
    fs::write(&path, &whole).unwrap();
    assert_eq!(rows_of_the_first(&place).await, 600);
    assert!(place.segments.store().recovery().unreadable.is_empty());
}

/// Whichever bit is turned, no row is another than it was, and none is missing without a report.
#[tokio::test]
async fn a_changed_bit_makes_no_other_rows() {
    let (place, path) = two_segments().await;
    let whole = fs::read(&path).unwrap();
    let mut reported = 0;
    for at in (0..whole.len()).step_by(whole.len() / 100) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let rows = rows_of_the_first(&place).await;
        let is_reported = !place.segments.store().recovery().unreadable.is_empty();
        assert!(is_reported || rows == 600, "{at} {rows}");
        reported += usize::from(is_reported);
    }
    assert!(reported > 50, "{reported}");
}

/// A tail of a spool that was cut costs the operation that was not acknowledged, and nothing else.
#[tokio::test]
async fn a_spool_that_was_cut_gives_its_first_operations() {
    let place = Place::new("").await;
    place.store(0..4).await;
    place.store(4..6).await;
    let spool = place.folder.path().join("store/.larder/spool.metric/0000000000000000.spool");
    let whole = fs::read(&spool).unwrap();
    fs::write(&spool, &whole[..whole.len() - 3]).unwrap();
    let place = place.reopened("").await;
    assert_eq!(place.all().await, metrics(0..4));
    place.store(4..6).await;
    place.segments.flush().await.unwrap();
    assert_eq!(place.all().await, metrics(0..6));
}

/// A damaged record of a spool costs its own rows. The spool is put aside, and stays reported.
#[tokio::test]
async fn a_damaged_record_of_a_spool_is_put_aside() {
    let place = Place::new("").await;
    place.store(0..4).await;
    place.store(4..6).await;
    let spool = place.folder.path().join("store/.larder/spool.metric/0000000000000000.spool");
    let mut bytes = fs::read(&spool).unwrap();
    bytes[40] ^= 0x10;
    fs::write(&spool, &bytes).unwrap();
    let place = place.reopened("").await;
    assert_eq!(place.all().await, metrics(4..6));
    place.segments.flush().await.unwrap();
    assert_eq!(place.all().await, metrics(4..6));
    assert_eq!(fs::read(spool.with_extension("damaged")).unwrap(), bytes);
    let recovery = place.segments.store().recovery();
    assert_eq!((kinds(&recovery), recovery.unreadable[0].place.ends_with(".damaged")), (vec![ErrorKind::Corrupt], true));
}

/// A small file that decompresses to very much is left where it is, without its being held in memory.
#[tokio::test]
async fn a_bomb_is_reported() {
    let (place, path) = two_segments().await;
    let file = fs::File::create(&path).unwrap();
    let mut writer = brotli::CompressorWriter::new(file, 65_536, 5, 22);
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b'x'), 1 << 30), &mut writer).unwrap();
    drop(writer);
    assert!(fs::metadata(&path).unwrap().len() < 10_000);
    assert_eq!(rows_of_the_first(&place).await, 0);
    assert_eq!(kinds(&place.segments.store().recovery()), [ErrorKind::Corrupt]);
}

/// Links, pipes, files of other names and of newer versions are left alone.
#[cfg(unix)]
#[tokio::test]
async fn other_files_are_left_alone() {
    use std::io::Write as _;
    let (place, path) = two_segments().await;
    let folder = path.parent().unwrap().to_owned();
    fs::write(folder.join("README.md"), "notes").unwrap();
    fs::write(folder.join("x.json.br"), "nothing").unwrap();
    let newer = folder.join("file_1_2_0000000007.json.br");
    let mut writer = brotli::CompressorWriter::new(fs::File::create(&newer).unwrap(), 4096, 1, 22);
    writer.write_all(b"[\n{\"format_version\":2},\n{\"rows\":0,\"crc32\":0}\n]\n").unwrap();
    drop(writer);
    std::os::unix::fs::symlink("/etc/passwd", folder.join("file_1_2_0000000008.json.br")).unwrap();
    let place = place.reopened("").await;
    assert_eq!(rows_of_the_first(&place).await, 600);
    assert_eq!(kinds(&place.segments.store().recovery()), [ErrorKind::Unsupported]);
    // A new segment is made beside them.
    place.store(610..611).await;
    place.segments.flush().await.unwrap();
    assert_eq!(place.all().await, metrics(0..611));
}

/// A link in the place of a table's folder is not followed.
#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_folder_is_refused() {
    let (place, elsewhere) = (Place::new("").await, tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), place.folder.path().join("store/metric")).unwrap();
    let refused = place.metrics.create(&Cx::new(), &metric(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Io);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
