//! A fake of a repository for a function of an application: it implements `Reader` alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use async_trait::async_trait;
use futures::stream;
use larder::{
    Cx, Error, ErrorKind, Filter, ModelStream, Projection, Query, Reader, ReaderExt as _, Result, Row, field,
    testing::entities::note::{self, COLUMN},
};
use uuid::Uuid;

/// The function of the application, which needs no more than to read notes.
async fn longest(notes: &dyn Reader<note::Model, Uuid>, word: &str) -> Result<Option<String>> {
    let found = notes.query(&Cx::new(), &Query::new().filter(field(COLUMN.body).contains(word))).await?;
    Ok(found.into_iter().map(|note| note.body).max_by_key(String::len))
}

/// Notes that are there from the beginning.
struct Fixed(Vec<note::Model>);

impl Fixed {
    fn matching(&self, filter: &Filter<note::Model>) -> Result<Vec<note::Model>> {
        let mut found = Vec::new();
        for note in &self.0 {
            if filter.matches(note)? {
                found.push(note.clone());
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Reader<note::Model, Uuid> for Fixed {
    async fn find(&self, _: &Cx, id: &Uuid) -> Result<Option<note::Model>> {
        Ok(self.0.iter().find(|note| note.id == *id).cloned())
    }

    async fn find_many(&self, _: &Cx, ids: &[Uuid]) -> Result<Vec<note::Model>> {
        Ok(ids.iter().filter_map(|id| self.0.iter().find(|note| note.id == *id).cloned()).collect())
    }

    async fn query(&self, _: &Cx, query: &Query<note::Model>) -> Result<Vec<note::Model>> {
        self.matching(query.parts().filter)
    }

    async fn stream(&self, cx: &Cx, query: &Query<note::Model>) -> Result<ModelStream<note::Model>> {
        Ok(ModelStream::new(stream::iter(self.query(cx, query).await?.into_iter().map(Ok))))
    }

    async fn count(&self, _: &Cx, filter: &Filter<note::Model>) -> Result<u64> {
        Ok(self.matching(filter)?.len() as u64)
    }

    async fn project(&self, _: &Cx, _: &Query<note::Model>, _: &Projection<note::Model>) -> Result<Vec<Row>> {
        Err(Error::new(ErrorKind::Unsupported, "the fake answers whole models"))
    }
}

#[tokio::test]
async fn an_application_reads_a_fake() {
    let note = |body: &str| note::Model { id: Uuid::new_v4(), body: body.to_owned() };
    let notes = Fixed(vec![note("short"), note("short and long"), note("the longest of all of them")]);
    assert_eq!(longest(&notes, "short").await.unwrap().as_deref(), Some("short and long"));
    assert_eq!(longest(&notes, "missing").await.unwrap(), None);
    assert!(notes.exists(&Cx::new(), &notes.0[0].id).await.unwrap());
}
