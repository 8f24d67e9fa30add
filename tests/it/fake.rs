//! What is built on `query` alone, on a fake that has no store.

use async_trait::async_trait;
use larder::{
    Cx, Error, ErrorKind, Filter, ModelStream, PageRequest, Projection, Query, Reader, ReaderExt as _, Result, Row, field,
};
use uuid::Uuid;

use crate::support::{
    entities::note::{self, COLUMN},
    note,
};

/// Notes that are there from the beginning.
struct Fixed(Vec<note::Model>);

#[async_trait]
impl Reader<note::Model, Uuid> for Fixed {
    async fn find(&self, _: &Cx, id: &Uuid) -> Result<Option<note::Model>> {
        Ok(self.0.iter().find(|note| note.id == *id).cloned())
    }

    async fn find_many(&self, _: &Cx, _: &[Uuid]) -> Result<Vec<note::Model>> {
        Err(unsupported())
    }

    async fn query(&self, _: &Cx, query: &Query<note::Model>) -> Result<Vec<note::Model>> {
        let parts = query.parts();
        // Whoever evaluates a query learns of its groups.
        assert!(parts.parts_of_each.iter().all(|part| part.columns == ["body"] && part.skip == 0 && part.take == Some(1)));
        let mut found = Vec::new();
        for note in &self.0 {
            let is_first = parts.parts_of_each.is_empty() || found.iter().all(|other: &note::Model| other.body != note.body);
            if parts.filter.matches(note)? && is_first {
                found.push(note.clone());
            }
        }
        found.truncate(parts.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()));
        Ok(found)
    }

    async fn stream(&self, _: &Cx, _: &Query<note::Model>) -> Result<ModelStream<note::Model>> {
        Err(unsupported())
    }

    async fn count(&self, _: &Cx, _: &Filter<note::Model>) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    async fn project(&self, _: &Cx, _: &Query<note::Model>, _: &Projection<note::Model>) -> Result<Vec<Row>> {
        Err(unsupported())
    }
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "the fake answers queries")
}

#[tokio::test]
async fn a_fake_of_queries_has_what_is_built_on_them() {
    let (cx, notes) = (Cx::new(), Fixed(["a", "b", "a", "c"].map(note).to_vec()));
    let all = &notes.0;
    let of_each = notes.of_each(&cx, &all[..2], COLUMN.body, COLUMN.body, &Query::new()).await.unwrap();
    assert_eq!(of_each, [vec![all[0].clone(), all[2].clone()], vec![all[1].clone()]]);
    let first = notes.of_each(&cx, &all[2..3], COLUMN.body, COLUMN.body, &Query::new().limit(1)).await.unwrap();
    assert_eq!(first, [[all[0].clone()]]);
    assert_eq!(notes.only(&cx, &field(COLUMN.body).equals("b").into()).await.unwrap(), Some(all[1].clone()));
    assert_eq!(notes.only(&cx, &field(COLUMN.body).equals("a").into()).await.unwrap_err().kind(), ErrorKind::Duplicate);
    let page = notes.page(&cx, &Query::new(), &PageRequest::new(2).with_total()).await.unwrap();
    assert_eq!((page.models.len(), page.total), (2, Some(4)));
    // What it does not implement, it says.
    let groups = Query::new().first_of_each(COLUMN.body);
    assert_eq!(notes.count_of(&cx, &groups).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let page = notes.page(&cx, &groups, &PageRequest::new(2).with_total()).await;
    assert_eq!(page.unwrap_err().kind(), ErrorKind::Unsupported);
}
