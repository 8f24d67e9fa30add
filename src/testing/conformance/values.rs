use larder::{Cx, ErrorKind, ReaderExt};
use serde_json::json;

use crate::testing::{
    Harness,
    entities::{
        Fingerprint, badge, price,
        sample::{self, Model},
        tally,
    },
    sample, time,
};

/// Every value comes back as it was given, also at the edges of its type.
pub async fn come_back_exactly(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let plain = || sample("");
    let corpus = [
        Model { small: i32::MIN, large: i64::MIN, hash: Fingerprint(0), ..plain() },
        Model { small: i32::MAX, large: i64::MAX, hash: Fingerprint(u64::MAX), ..plain() },
        Model { hash: Fingerprint(1 << 63), real: f64::MAX, ..plain() },
        Model { real: f64::MIN_POSITIVE, flag: false, bytes: vec![], ..plain() },
        Model { real: 1e308, ..plain() },
        Model { real: f64::INFINITY, ..plain() },
        Model { real: 1.0, ..plain() },
        Model { bytes: (0..=255).collect(), ..plain() },
        Model { bytes: vec![7; 1 << 20], ..plain() },
        Model { at: time("1969-12-31T23:59:59.999999Z"), ..plain() },
        Model { at: time("1969-07-20T20:17:40.000001Z"), ..plain() },
        Model { at: time("0001-01-01T00:00:00Z"), ..plain() },
        Model { at: time("9999-12-31T23:59:59.999999Z"), ..plain() },
        Model { at: time("2026-03-01T12:00:00.100000Z"), ..plain() },
        Model { local: Some("2000-02-29T00:00:00+00:00".parse().unwrap()), ..plain() },
        Model { day: Some("1582-10-04".parse().unwrap()), ..plain() },
        Model { day: Some("9999-12-31".parse().unwrap()), ..plain() },
        Model { json: Some(json!({ "a.b": ["'\"\\", null, true, -1.5], "": {} })), ..plain() },
        Model { json: Some(json!(9_007_199_254_740_993_u64)), ..plain() },
        Model { json: Some(json!("text")), ..plain() },
        Model { json: Some(json!([])), ..plain() },
    ];
    for given in corpus {
        let stored = samples.create(&Cx::new(), &given).await.unwrap();
        assert_eq!(stored, given);
        assert_eq!(samples.get(&Cx::new(), &given.id).await.unwrap(), given);
    }
}

/// What one of the backends could not hold as it is, all refuse before anything is stored.
pub async fn are_refused_where_some_backend_would_change_them(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let plain = || sample("");
    let refused = [
        Model { text: "a\0b".into(), ..plain() },
        Model { real: f64::NAN, ..plain() },
        Model { at: time("+10000-01-01T00:00:00Z"), ..plain() },
        Model { at: time("-0001-01-01T00:00:00Z"), ..plain() },
        Model { at: time("2016-12-31T23:59:60.5Z"), ..plain() },
        Model { json: Some(json!({ "nul": "\0" })), ..plain() },
        Model { json: Some((0..128).fold(json!(null), |inner, _| json!([inner]))), ..plain() },
    ];
    for given in refused {
        let error = samples.create(&Cx::new(), &given).await.unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::InvalidInput, Some("sample")));
    }
    assert_eq!(samples.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// What could be stored and not be read again is refused before it is stored: unsigned 64-bit numbers, where the store has none.
pub async fn are_refused_before_they_are_stored_where_they_cannot_be_read(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let tallies = fixture.store.repository::<tally::Entity>();
    if fixture.store.capabilities().unsigned {
        let tally = tally::Model { id: 1, count: u64::MAX };
        assert_eq!(tallies.create(&Cx::new(), &tally).await.unwrap(), tally);
        assert_eq!(tallies.find(&Cx::new(), &1).await.unwrap(), Some(tally));
        return;
    }
    let tally = tally::Model { id: 1, count: 7 };
    assert_eq!(tallies.create(&Cx::new(), &tally).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(tallies.update(&Cx::new(), &tally).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let all = larder::Filter::all();
    assert_eq!(tallies.count(&Cx::new(), &all).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(tallies.query(&Cx::new(), &all.clone().into()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(tallies.delete_where(&Cx::new(), &all).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(tallies.find(&Cx::new(), &1).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Decimals come back exactly, and one that its column would round is refused; where the store has none, all are.
pub async fn are_decimals_and_never_rounded(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let prices = fixture.store.repository::<price::Entity>();
    let price =
        |id, amount: &str, exact: &str| price::Model { id, amount: amount.parse().unwrap(), exact: Some(exact.parse().unwrap()) };
    let given = [
        price(1, "99999999.99", "12345678901234567890.123456789"),
        price(2, "-0.01", "0.000000000000000001"),
        price(3, "1.500", "0"),
    ];
    if !fixture.store.capabilities().decimals {
        assert_eq!(prices.create_many(&Cx::new(), &given).await.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    assert_eq!(prices.create_many(&Cx::new(), &given).await.unwrap(), given);
    assert_eq!(prices.all(&Cx::new()).await.unwrap(), given);
    for refused in [price(4, "0.001", "1"), price(4, "100000000", "1"), price(4, "1", "0.0000000000000000001")] {
        assert_eq!(prices.create(&Cx::new(), &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(prices.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 3);
}

/// A cast that the entity names does not get in the way of any operation.
pub async fn are_cast_as_the_entity_says(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let badges = fixture.store.repository::<badge::Entity>();
    let mut stored = badges.create(&Cx::new(), &badge::Model { id: 0, text: "cast".into() }).await.unwrap();
    stored.text = "again".into();
    assert_eq!(badges.update(&Cx::new(), &stored).await.unwrap(), stored);
    assert_eq!(badges.find_many(&Cx::new(), &[stored.id]).await.unwrap(), [stored.clone()]);
    assert_eq!(badges.all(&Cx::new()).await.unwrap(), [stored]);
}
