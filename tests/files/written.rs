//! What stands in the files.

use larder::{Cx, DeleterExt as _, ReaderExt as _, TransactionalExt as _};
use proptest::{prelude::*, test_runner::Config};

use crate::{
    held::{FORMATS, Held, unreadable},
    support::{
        entities::{edge, item, label, note, person, sample},
        item, note, person, sample, time,
    },
};

/// A file is read as its author would write it: fields in the order of the columns, and a mark at the end.
#[tokio::test]
async fn a_model_is_readable_text() {
    let held = Held::new();
    let store = held.open("").await;
    let items = store.repository::<item::Entity>();
    let model = item::Model {
        nick: Some("no".to_owned()),
        name: "Two lines:\n- of text\n".to_owned(),
        real: Some(0.1),
        bytes: Some(vec![0, 255]),
        day: Some("2026-01-02".parse().unwrap()),
        at: time("2026-01-01T00:00:00.000001Z"),
        json: Some(serde_json::json!({ "a": [1, 1.0, null] })),
        ..item(-7)
    };
    items.create(&Cx::new(), &model).await.unwrap();
    let expected = "format_version: 1\nid: -7\nname: |\n  Two lines:\n  - of text\nnick: \"no\"\nstatus: null\nsmall: 0\n\
        large: null\nreal: 0.1\nsingle: null\nflag: null\nbytes: AP8=\ntoken: null\nday: \"2026-01-02\"\nhour: null\n\
        local: null\nat: \"2026-01-01T00:00:00.000001Z\"\ndue: null\njson:\n  a:\n  - 1\n  - 1.0\n  - null\n...\n";
    assert_eq!(held.read("item/%2d7.yaml"), expected);
}

/// A model that is stored again leaves the bytes of its file as they were.
#[tokio::test]
async fn saved_twice_is_the_same() {
    for format in ["yaml", "json"] {
        let held = Held::new();
        let store = held.open(&format!("format={format}")).await;
        let (samples, cx, model) = (store.repository::<sample::Entity>(), Cx::new(), sample("a\nb"));
        samples.create(&cx, &model).await.unwrap();
        let file = format!("sample/{}.{format}", model.id);
        let first = held.read(&file);
        samples.update(&cx, &model).await.unwrap();
        assert_eq!(held.read(&file), first);
        samples.delete(&cx, &model.id).await.unwrap();
        samples.create(&cx, &model).await.unwrap();
        store.close().await;
        let again = held.open("").await.repository::<sample::Entity>();
        again.update(&cx, &again.get(&cx, &model.id).await.unwrap()).await.unwrap();
        assert_eq!(held.read(&file), first);
    }
}

/// A file that was edited by hand is read, and what larder knows nothing of stays in it.
#[tokio::test]
async fn unknown_fields_survive_an_update() {
    for (format, field) in [("yaml", "owner: {name: Ann} # asked\n"), ("json", "\"owner\": {\"name\" : 1.10},\n  ")] {
        let held = Held::new();
        let (store, cx) = (held.open(&format!("format={format}")).await, Cx::new());
        let stored = store.repository::<person::Entity>().create(&cx, &person("a@b")).await.unwrap();
        store.close().await;
        let file = format!("person/{}.{format}", stored.id);
        let before = if format == "yaml" { "email: a@b\n" } else { "\"email\": \"a@b\",\n  " };
        held.edit(&file, before, &format!("{field}{}", before.replace("a@b", "edited@b")));

        let store = held.open("").await;
        let people = store.repository::<person::Entity>();
        let edited = people.get(&cx, &stored.id).await.unwrap();
        assert_eq!(edited, person::Model { email: "edited@b".to_owned(), ..stored });
        people.update(&cx, &person::Model { row: Some(7), ..edited.clone() }).await.unwrap();
        assert!(held.read(&file).contains(field.trim_end().trim_end_matches(',')), "{}", held.read(&file));
        store.close().await;
        let people = held.open("").await.repository::<person::Entity>();
        assert_eq!(people.get(&cx, &edited.id).await.unwrap().row, Some(7));
    }
}

/// A file of lines is appended to, and written anew when most of its lines are outdated. Lines with unknown fields keep them.
#[tokio::test]
async fn lines_are_compacted() {
    let held = Held::new();
    let (store, cx) = (held.open("format=jsonl").await, Cx::new());
    let labels = store.repository::<label::Entity>();
    let label = |text: usize| label::Model { name: "one".to_owned(), text: Some(text.to_string()) };
    labels.create(&cx, &label(0)).await.unwrap();
    assert_eq!(held.read("label.jsonl"), "{\"format_version\":1}\n{\"name\":\"one\",\"text\":\"0\"}\n");
    labels.create(&cx, &label::Model { name: "two".to_owned(), text: None }).await.unwrap();
    labels.delete(&cx, &"two".to_owned()).await.unwrap();
    assert!(held.read("label.jsonl").ends_with("{\"name\":\"two\",\"text\":null}\n{\"$deleted\":{\"name\":\"two\"}}\n"));
    let text = held.read("label.jsonl") + "{\"name\":\"one\",\"text\":\"edited\",\"owner\":{\"a\" : 1.10}}\nno line\n";
    held.write("label.jsonl", &text);
    for nth in 1..=1100 {
        labels.update(&cx, &label(nth)).await.unwrap();
    }
    let text = held.read("label.jsonl");
    assert!(text.lines().count() < 300 && text.contains("\nno line\n") && text.contains("\"owner\":{\"a\" : 1.10}"), "{text}");
    assert_eq!(unreadable(&store), [("label.jsonl:6".to_owned(), larder::ErrorKind::Corrupt)]);
    store.close().await;
    let again = held.open("").await.repository::<label::Entity>();
    assert_eq!(again.all(&cx).await.unwrap(), [label(1100)]);
}

/// Ids of every kind lead to files of their own, and come back.
#[tokio::test]
async fn any_id_has_a_file() {
    let long = "x".repeat(300);
    let ids = ["../x", "..", ".", "/etc/x", "a/b", "a\\b", "CON", "con", "x.", "x ", "A", "a", "😀", "%2e", "-x", "x.tmp", &long];
    for format in FORMATS {
        let held = Held::new();
        let (store, cx) = (held.open(&format!("format={format}")).await, Cx::new());
        let labels: Vec<_> = ids.iter().map(|id| label::Model { name: (*id).to_owned(), text: Some((*id).to_owned()) }).collect();
        store.repository::<label::Entity>().create_many(&cx, &labels).await.unwrap();
        let edge = edge::Model { name: "a,b".to_owned(), version: -1 };
        store.repository::<edge::Entity>().create(&cx, &edge).await.unwrap();
        store.close().await;
        let store = held.open("").await;
        for label in &labels {
            assert_eq!(store.repository::<label::Entity>().get(&cx, &label.name).await.unwrap(), *label);
        }
        assert_eq!(store.repository::<edge::Entity>().all(&cx).await.unwrap(), [edge]);
        if format != "jsonl" {
            assert_eq!((held.files("label").len(), held.files("edge")), (ids.len(), vec![format!("a%2cb,%2d1.{format}")]));
        }
    }
}

/// Idempotency keys are models as well.
#[tokio::test]
async fn keys_outlive_the_store() {
    for format in FORMATS {
        let held = Held::new();
        let (store, cx) = (held.open(&format!("format={format}")).await, Cx::new());
        let notes = store.repository::<note::Entity>();
        let order = cx.with_idempotency_key("order 4711");
        let notes = &notes;
        store.tx(&order, |cx| async move { notes.create(&cx, &note("once")).await }).await.unwrap();
        store.close().await;
        let store = held.open("").await;
        assert!(store.has_committed(&cx, "order 4711").await.unwrap());
        assert_eq!(store.repository::<note::Entity>().count(&cx, &larder::Filter::all()).await.unwrap(), 1);
    }
}

fn any_sample() -> impl Strategy<Value = sample::Model> {
    let text = prop_oneof![any::<String>(), "[-~ny:#.0-9e+'\"|>&*!%@`{}\\[\\],?\\n\\r\\t ]{0,24}"];
    (any::<u128>(), any::<i32>(), any::<i64>(), any::<f64>(), text, any::<Vec<u8>>(), 0_i64..253_402_300_799_000_000).prop_map(
        |(id, small, large, real, text, bytes, micros)| sample::Model {
            id: uuid::Uuid::from_u128(id),
            small,
            large,
            real: if real.is_nan() { 0.5 } else { real },
            flag: small > 0,
            json: (small % 3 > 0).then(|| serde_json::json!({ "text": text.replace('\0', ""), "real": [1.0, large] })),
            at: chrono::DateTime::from_timestamp_micros(micros).unwrap(),
            bytes,
            ..sample(&text.replace('\0', ""))
        },
    )
}

/// Whatever is stored, the files have what memory has.
#[test]
fn files_hold_what_memory_holds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let check = |(models, format): (Vec<sample::Model>, &str)| {
        runtime.block_on(async {
            let (held, cx) = (Held::new(), Cx::new());
            let (memory, store) = (larder::open("memory:").await.unwrap(), held.open(&format!("format={format}")).await);
            for store in [&memory, &store] {
                drop(store.repository::<sample::Entity>().create_batch(&cx, &models).await);
            }
            store.close().await;
            let (memory, again) = (memory.repository::<sample::Entity>(), held.open("").await.repository::<sample::Entity>());
            assert_eq!(again.all(&cx).await.unwrap(), memory.all(&cx).await.unwrap());
            again.delete_all(&cx).await.unwrap();
        });
    };
    let stored = (prop::collection::vec(any_sample(), 0..6), prop::sample::select(FORMATS.to_vec()));
    proptest!(Config::with_cases(60), |(stored in stored)| check(stored));
}
