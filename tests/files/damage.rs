//! Files that are damaged, foreign, or of another version.

use std::fs;

use larder::{Cx, ErrorKind, Filter, ReaderExt as _};

use crate::{
    held::{FORMATS, Held, unreadable},
    support::{
        entities::{label, note},
        note,
    },
};

/// Stores two labels, and closes the store.
async fn stored(held: &Held, format: &str) -> [label::Model; 2] {
    let label = |name: &str| label::Model { name: name.to_owned(), text: Some("some text".to_owned()) };
    let labels = [label("one"), label("two")];
    let store = held.open(&format!("format={format}")).await;
    store.repository::<label::Entity>().create_many(&Cx::new(), &labels).await.unwrap();
    store.close().await;
    labels
}

fn file(format: &str) -> String {
    if format == "jsonl" { "label.jsonl".to_owned() } else { format!("label/one.{format}") }
}

/// A file that is cut anywhere is reported, its model is left out, and all others are there. Nothing is written over it.
#[tokio::test]
async fn a_cut_file_costs_only_its_model() {
    for format in ["yaml", "json"] {
        let (held, cx) = (Held::new(), Cx::new());
        let [one, two] = stored(&held, format).await;
        let whole = held.read(&file(format));
        for end in 0..whole.trim_end().len() {
            held.write(&file(format), &whole[..end]);
            let store = held.open("").await;
            let labels = store.repository::<label::Entity>();
            assert_eq!(labels.all(&cx).await.unwrap(), std::slice::from_ref(&two), "{end}");
            assert_eq!(unreadable(&store), [(file(format), ErrorKind::Corrupt)], "{end}");
            assert_eq!(labels.create(&cx, &one).await.unwrap_err().kind(), ErrorKind::Corrupt);
            assert_eq!(held.read(&file(format)), whole[..end]);
            store.close().await;
        }
    }
}

/// A file of lines that is cut within a line has all models before it; cut within its first line, it cannot be used at all, and
/// is not taken for an empty one.
#[tokio::test]
async fn a_cut_line_costs_only_its_model() {
    let (held, cx) = (Held::new(), Cx::new());
    let labels = stored(&held, "jsonl").await;
    let whole = held.read("label.jsonl");
    let head = whole.find('\n').unwrap();
    for end in 0..whole.len() {
        held.write("label.jsonl", &whole[..end]);
        let store = held.open("").await;
        let found = store.repository::<label::Entity>().all(&cx).await;
        if end < head {
            assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt, "{end}");
            assert_eq!(unreadable(&store), [("label.jsonl".to_owned(), ErrorKind::Corrupt)], "{end}");
        } else {
            let whole_lines =
                labels.iter().filter(|label| whole[..end].contains(&format!("{}\",\"text\":\"some text\"}}", label.name)));
            assert_eq!(found.unwrap(), whole_lines.cloned().collect::<Vec<_>>(), "{end}");
            let is_torn = !whole[..end].ends_with(['\n', '}']);
            assert_eq!(unreadable(&store).len(), usize::from(is_torn), "{end}");
        }
        store.close().await;
    }
}

/// A turned bit is found, whichever it is, in a file that nobody is known to have changed.
#[tokio::test]
async fn a_turned_bit_is_found() {
    for format in FORMATS {
        let (held, cx) = (Held::new(), Cx::new());
        let [_, two] = stored(&held, format).await;
        let whole = held.read(&file(format)).into_bytes();
        for at in 0..whole.len() {
            let mut turned = whole.clone();
            turned[at] ^= 1;
            held.damage(&file(format), &turned);
            let store = held.open("").await;
            let found = store.repository::<label::Entity>().all(&cx).await;
            assert_eq!(unreadable(&store), [(file(format), ErrorKind::Corrupt)], "{at}");
            match format {
                "jsonl" => assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt),
                _ => {
                    assert_eq!(found.unwrap(), std::slice::from_ref(&two));
                    // It is not forgotten when somebody changes another file.
                    held.write(&format!("label/two.{format}"), &held.read(&format!("label/two.{format}")));
                    assert_eq!(store.repository::<label::Entity>().count(&cx, &Filter::all()).await.unwrap(), 1, "{at}");
                }
            }
            store.close().await;
        }
        // Somebody who changes it takes it for what it is.
        fs::write(held.path(&file(format)), &whole).unwrap();
        let store = held.open("").await;
        assert_eq!(store.repository::<label::Entity>().count(&cx, &Filter::all()).await.unwrap(), 2);
    }
}

/// Of a mixed folder, what can be read is there, and each thing that cannot is reported.
#[tokio::test]
async fn a_mixed_folder_has_what_can_be_read() {
    let (held, cx) = (Held::new(), Cx::new());
    let store = held.open("").await;
    let notes: Vec<_> = (0..10).map(|nth| note(&nth.to_string())).collect();
    store.repository::<note::Entity>().create_many(&cx, &notes).await.unwrap();
    store.close().await;
    let path = |nth: usize| format!("note/{}.yaml", notes[nth].id);
    held.edit(&path(0), "format_version: 1", "format_version: 2");
    held.write(&path(1), "no: model\n...\n");
    held.write(&path(2), "");
    for (name, text) in [(".DS_Store", "x"), ("x.tmp", "x"), ("README.md", "# x"), (".hidden.yaml", "x")] {
        held.write(&format!("note/{name}"), text);
    }
    fs::create_dir(held.path("note/folder")).unwrap();
    let newer = held.read(&path(0));

    let store = held.open("").await;
    let found = store.repository::<note::Entity>();
    assert_eq!(found.count(&cx, &Filter::all()).await.unwrap(), 7);
    let mut expected = [(path(0), ErrorKind::Unsupported), (path(1), ErrorKind::Corrupt), (path(2), ErrorKind::Corrupt)].to_vec();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(unreadable(&store), expected);
    assert_eq!(found.create(&cx, &notes[0]).await.unwrap_err().kind(), ErrorKind::Corrupt);
    found.create(&cx, &note("new")).await.unwrap();
    assert_eq!(held.read(&path(0)), newer);
}

/// A newer file of lines is not touched, and not taken for an empty one.
#[tokio::test]
async fn newer_lines_are_refused() {
    let (held, cx) = (Held::new(), Cx::new());
    let [one, _] = stored(&held, "jsonl").await;
    held.edit("label.jsonl", "\"format_version\":1", "\"format_version\":2");
    let (text, store) = (held.read("label.jsonl"), held.open("").await);
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.all(&cx).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(labels.create(&cx, &one).await.unwrap_err().kind(), ErrorKind::Unsupported);
    store.repository::<note::Entity>().create(&cx, &note("other tables are fine")).await.unwrap();
    assert_eq!((held.read("label.jsonl"), unreadable(&store)), (text, vec![("label.jsonl".to_owned(), ErrorKind::Unsupported)]));
}

/// Links are not followed, pipes and folders are not waited for, and devices are not read.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    use std::os::unix::fs::symlink;

    let (held, cx) = (Held::new(), Cx::new());
    let [_, two] = stored(&held, "yaml").await;
    let outside = tempfile::tempdir().unwrap();
    fs::rename(held.path("label/one.yaml"), outside.path().join("one.yaml")).unwrap();
    symlink(outside.path().join("one.yaml"), held.path("label/one.yaml")).unwrap();
    symlink("/dev/zero", held.path("label/three.yaml")).unwrap();
    fs::create_dir(held.path("label/four.yaml")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(held.path("label/five.yaml")).status().unwrap();
    assert!(pipe.success());
    symlink(outside.path(), held.path("note")).unwrap();

    let store = held.open("").await;
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.all(&cx).await.unwrap(), [two]);
    let places = ["five", "four", "one", "three"].map(|name| (format!("label/{name}.yaml"), ErrorKind::Io));
    assert_eq!(unreadable(&store), places);
    let four = label::Model { name: "four".to_owned(), text: None };
    assert_eq!(labels.create(&cx, &four).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let notes = store.repository::<note::Entity>();
    for refused in [notes.create(&cx, &note("x")).await.map(drop), notes.all(&cx).await.map(drop)] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Io);
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

/// What entities of other times have written is read: fields that came later are null or their default, and what is required is
/// not made up.
#[tokio::test]
async fn files_of_other_entities_are_read() {
    let (held, cx) = (Held::new(), Cx::new());
    held.write("label/a.yaml", "format_version: 1\nname: a\n...\n");
    held.write("label/b.yaml", "format_version: 1\ntext: no name\n...\n");
    held.write("label/c.yaml", "format_version: 1\nname: c\ntext: t\nnewer: {x: 1}\n...\n");
    let store = held.open("").await;
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.get(&cx, &"a".to_owned()).await.unwrap().text, None);
    assert_eq!(unreadable(&store), [("label/b.yaml".to_owned(), ErrorKind::Corrupt)]);
    let recovery = store.recovery();
    assert_eq!(recovery.unreadable[0].error.column(), Some("name"));
    labels.update(&cx, &label::Model { name: "c".to_owned(), text: None }).await.unwrap();
    assert_eq!(held.read("label/c.yaml"), "format_version: 1\nname: c\ntext: null\nnewer: {x: 1}\n...\n");
}
