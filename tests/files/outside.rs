//! Files that others change while the store is open.

use std::{fs, time::Duration};

use larder::{Cx, Error, ErrorKind, Filter, ReaderExt as _, Retry, Storage, Store, TransactionalExt as _, TxOptions};

use crate::{
    held::{FORMATS, Held, unreadable},
    support::{
        entities::{label, note, person},
        note, person,
    },
};

type Labels = std::sync::Arc<dyn Storage<label::Model, String>>;

fn label(name: &str, text: &str) -> label::Model {
    label::Model { name: name.to_owned(), text: Some(text.to_owned()) }
}

async fn text_of(labels: &Labels, name: &str) -> Option<String> {
    labels.find(&Cx::new(), &name.to_owned()).await.unwrap().and_then(|label| label.text)
}

/// A store with the label `one`, and how a label stands in the file of it.
async fn open(held: &Held, parameters: &str) -> (Store, Labels) {
    let store = held.open(parameters).await;
    let labels = store.repository::<label::Entity>();
    labels.create(&Cx::new(), &label("one", "first")).await.unwrap();
    (store, labels)
}

fn yaml(name: &str, text: &str) -> String {
    format!("format_version: 1\nname: {name}\ntext: {text}\n...\n")
}

/// What is saved, renamed to its place, removed or made is there for the next read, as often as it happens: also within one tick
/// of the clock, with the same length and the same times.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_change_is_noticed_at_the_next_read() {
    let held = Held::new();
    let (_store, labels) = open(&held, "").await;
    let modified = fs::metadata(held.path("label/one.yaml")).unwrap().modified().unwrap();
    for round in 100..300 {
        held.write("label/one.yaml", &yaml("one", &round.to_string()));
        fs::File::options().write(true).open(held.path("label/one.yaml")).unwrap().set_modified(modified).unwrap();
        assert_eq!(text_of(&labels, "one").await, Some(round.to_string()));
        if round % 10 == 0 {
            held.write("label/one.yaml.swp", &yaml("one", "moved"));
            fs::rename(held.path("label/one.yaml.swp"), held.path("label/one.yaml")).unwrap();
            held.write("label/two.yaml", &yaml("two", "made"));
            assert_eq!(text_of(&labels, "one").await.as_deref(), Some("moved"));
            assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), 2);
            fs::remove_file(held.path("label/two.yaml")).unwrap();
            labels.update(&Cx::new(), &label("one", "own")).await.unwrap();
            assert_eq!(labels.all(&Cx::new()).await.unwrap(), [label("one", "own")]);
        }
    }
}

/// The same for the file of a table.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn changed_lines_are_noticed_at_the_next_read() {
    let held = Held::new();
    let (_store, labels) = open(&held, "format=jsonl").await;
    for round in 100..150 {
        held.edit("label.jsonl", "\"text\":\"", &format!("\"text\":\"{round}"));
        assert!(text_of(&labels, "one").await.unwrap().starts_with(&round.to_string()));
        labels.update(&Cx::new(), &label("one", "own")).await.unwrap();
        labels.create(&Cx::new(), &label(&round.to_string(), "new")).await.unwrap();
        let text = held.read("label.jsonl");
        fs::write(held.path("label.new"), text.replace("\"text\":\"own\"", "\"text\":\"moved\"")).unwrap();
        fs::rename(held.path("label.new"), held.path("label.jsonl")).unwrap();
        assert_eq!(text_of(&labels, "one").await.as_deref(), Some("moved"));
        labels.delete(&Cx::new(), &round.to_string()).await.unwrap();
        assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
    }
}

/// A folder that is replaced as a whole, as by a checkout, and one that comes and goes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_replaced_folder_is_noticed() {
    let held = Held::new();
    let (store, labels) = open(&held, "").await;
    let notes = store.repository::<note::Entity>();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
    for round in 0..5 {
        for nth in 0..40 {
            let name = format!("{round}-{nth}");
            held.write(&format!("checkout/{name}.yaml"), &yaml(&format!("\"{name}\""), "x"));
        }
        fs::remove_dir_all(held.path("label")).unwrap();
        fs::rename(held.path("checkout"), held.path("label")).unwrap();
        let found = labels.all(&Cx::new()).await.unwrap();
        assert!(found.len() == 40 && found.iter().all(|label| label.name.starts_with(&format!("{round}-"))), "{found:?}");
        held.write(&format!("label/{round}-0.yaml"), &yaml(&format!("\"{round}-0\""), "edited"));
        assert_eq!(text_of(&labels, &format!("{round}-0")).await.as_deref(), Some("edited"));
    }
    fs::remove_dir_all(held.path("label")).unwrap();
    assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
    labels.create(&Cx::new(), &label("again", "there")).await.unwrap();
    assert_eq!(held.files("label"), ["again.yaml"]);
    let made = note("made");
    held.write(&format!("note/{}.yaml", made.id), &format!("format_version: 1\nid: {}\nbody: made\n...\n", made.id));
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), [made]);
}

/// Where the system tells nothing, the files are looked through.
#[tokio::test]
async fn a_scan_notices_changes_after_a_while() {
    for format in FORMATS {
        let held = Held::new();
        let (_store, labels) = open(&held, &format!("format={format}&changes=scan")).await;
        let (file, own) = match format {
            "jsonl" => ("label.jsonl".to_owned(), "first"),
            format => (format!("label/one.{format}"), "first"),
        };
        for round in 100..103 {
            let before = if round == 100 { own.to_owned() } else { format!("edit {}", round - 1) };
            held.edit(&file, &before, &format!("edit {round}"));
            tokio::time::sleep(Duration::from_millis(600)).await;
            assert_eq!(text_of(&labels, "one").await, Some(format!("edit {round}")), "{format}");
        }
        labels.update(&Cx::new(), &label("one", "own")).await.unwrap();
        fs::remove_file(held.path(&file)).unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(text_of(&labels, "one").await, None, "{format}");
    }
}

/// A file that is being saved, or cannot be read, leaves what was read before. Nothing is written over it until it is repaired.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_half_saved_file_leaves_what_was_there() {
    use std::io::Write as _;

    let held = Held::new();
    let (store, labels) = open(&held, "").await;
    let mut file = fs::File::create(held.path("label/one.yaml")).unwrap();
    for part in ["format_version: 1\nname: one\n", "text: saved\n", "...\n"] {
        assert_eq!(text_of(&labels, "one").await.as_deref(), Some("first"));
        file.write_all(part.as_bytes()).unwrap();
        file.sync_all().unwrap();
    }
    drop(file);
    assert_eq!(text_of(&labels, "one").await.as_deref(), Some("saved"));

    held.write("label/one.yaml", "format_version: 1\nname: one\ntext: [\n");
    assert_eq!(text_of(&labels, "one").await.as_deref(), Some("saved"));
    assert_eq!(unreadable(&store), [("label/one.yaml".to_owned(), ErrorKind::Corrupt)]);
    let refused = labels.update(&Cx::new(), &label("one", "own")).await.unwrap_err();
    assert_eq!((refused.kind(), held.read("label/one.yaml").ends_with("[\n")), (ErrorKind::Corrupt, true));
    held.write("label/one.yaml", &yaml("one", "repaired"));
    assert_eq!(text_of(&labels, "one").await.as_deref(), Some("repaired"));
    assert_eq!(unreadable(&store), []);
    labels.update(&Cx::new(), &label("one", "own")).await.unwrap();
}

/// A transaction that somebody's change meets is run again, and sees it. One that is not run again is `Contention`, and leaves
/// nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_change_during_a_transaction_is_contention() {
    for format in ["yaml", "jsonl"] {
        let held = Held::new();
        let (store, labels) = open(&held, &format!("format={format}")).await;
        let (labels, held) = (&labels, &held);
        let edit = |text: &str| match format {
            "yaml" => held.write("label/one.yaml", &yaml("one", text)),
            _ => held.write("label.jsonl", &format!("{{\"format_version\":1}}\n{{\"name\":\"one\",\"text\":\"{text}\"}}\n")),
        };
        let edit = &edit;
        let add = |cx: Cx| async move {
            let read = labels.get(&cx, &"one".to_owned()).await?;
            if cx.attempt() == 1 {
                edit("edited");
            }
            labels.update(&cx, &label("one", &format!("{} and more", read.text.unwrap()))).await?;
            Ok::<_, Error>(())
        };
        store.tx(&Cx::new(), add).await.unwrap();
        assert_eq!(text_of(labels, "one").await.as_deref(), Some("edited and more"), "{format}");
        edit("x");
        let once = TxOptions::new().retry(Retry::never());
        assert_eq!(store.tx_with(&Cx::new(), once, add).await.unwrap_err().kind(), ErrorKind::Contention);
        assert_eq!(text_of(labels, "one").await.as_deref(), Some("edited"), "{format}");
    }
}

/// A change that the constraints of its table forbid is left out, and so is a file under another name than that of its id.
/// Two files that exchange what is unique of them are no trouble.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn constraints_hold_for_changes() {
    let (held, cx) = (Held::new(), Cx::new());
    let store = held.open("").await;
    let people = store.repository::<person::Entity>();
    let [one, two] = [people.create(&cx, &person("a@b")).await.unwrap(), people.create(&cx, &person("c@d")).await.unwrap()];
    let (first, second) = (held.read("person/1.yaml"), held.read("person/2.yaml"));
    held.write("person/2.yaml", &second.replace("c@d", "a@b"));
    assert_eq!(people.get(&cx, &2).await.unwrap(), two);
    fs::copy(held.path("person/1.yaml"), held.path("person/3.yaml")).unwrap();
    let expected = [("person/2.yaml".to_owned(), ErrorKind::Duplicate), ("person/3.yaml".to_owned(), ErrorKind::Corrupt)];
    assert_eq!((people.count(&cx, &Filter::all()).await.unwrap(), unreadable(&store)), (2, expected.into()));
    fs::remove_file(held.path("person/3.yaml")).unwrap();
    held.write("person/1.yaml", &first.replace("a@b", "c@d"));
    held.write("person/2.yaml", &second.replace("c@d", "a@b"));
    assert_eq!(people.get(&cx, &1).await.unwrap().email, "c@d");
    assert_eq!((people.get(&cx, &2).await.unwrap().email, unreadable(&store)), (one.email, vec![]));
}

/// A table that is first used inside of a transaction has its rows there. A read-only one does not see what came after it began.
#[tokio::test]
async fn tables_are_loaded_inside_of_transactions() {
    let (held, cx) = (Held::new(), Cx::new());
    let (store, labels) = open(&held, "").await;
    store.close().await;
    drop((store, labels));
    let store = held.open("").await;
    let inside = store.tx(&cx, |cx| {
        let store = store.clone();
        async move {
            let labels = store.repository::<label::Entity>();
            let found = labels.get(&cx, &"one".to_owned()).await?;
            labels.update(&cx, &label("one", "inside")).await?;
            labels.create(&cx, &label("two", "inside")).await?;
            Ok::<_, Error>(found)
        }
    });
    assert_eq!(inside.await.unwrap(), label("one", "first"));
    assert_eq!(held.files("label"), ["one.yaml", "two.yaml"]);
    store.close().await;

    let store = held.open("").await;
    let late = larder::Transactional::begin(&store, &cx, TxOptions::new().read_only()).await.unwrap();
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.count(&late, &Filter::all()).await.unwrap(), 2);
    let others = store.repository::<note::Entity>();
    others.create(&cx, &note("new")).await.unwrap();
    assert_eq!(others.count(&late, &Filter::all()).await.unwrap_err().kind(), ErrorKind::Contention);
}
