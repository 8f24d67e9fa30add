//! Deletes models.

use async_trait::async_trait;

use super::{ModelType, Repository};
use crate::{
    backend::{Answer, Write},
    context::Cx,
    error::Result,
    query::{Filter, Query},
    repository::{Deleter, refused::BatchCall},
};

impl<T: ModelType> Repository<T> {
    async fn delete_ids(&self, cx: &Cx, ids: &[T::Id]) -> Result<u64> {
        let keys = self.keys(ids).await?;
        self.write(cx, Write::Delete(keys)).await?.number()
    }
}

#[async_trait]
impl<T: ModelType> Deleter<T::Model, T::Id> for Repository<T> {
    async fn delete(&self, cx: &Cx, id: &T::Id) -> Result<bool> {
        Ok(self.delete_ids(cx, std::slice::from_ref(id)).await.map_err(self.at("delete"))? > 0)
    }

    async fn delete_many(&self, cx: &Cx, ids: &[T::Id]) -> Result<u64> {
        let removed = self.delete_ids(cx, ids).await;
        BatchCall::Delete(ids).indexed(self, cx, removed).await.map_err(self.at("delete_many"))
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<T::Model>) -> Result<u64> {
        let condition = self.table.check().and_then(|()| self.mapping.table.condition(filter));
        let condition = condition.map_err(self.at("delete_where"))?;
        self.write(cx, Write::DeleteWhere(condition)).await.and_then(Answer::number).map_err(self.at("delete_where"))
    }

    async fn delete_where_returning(&self, cx: &Cx, filter: &Filter<T::Model>) -> Result<Vec<T::Model>> {
        let delete = self.table().and_then(|table| table.selection_by_id(filter)).map(Write::DeleteSelected);
        self.answered(cx, "delete_where_returning", delete).await
    }

    async fn delete_first(&self, cx: &Cx, query: &Query<T::Model>) -> Result<Vec<T::Model>> {
        let delete = self.table().and_then(|table| table.first_ones(query)).map(Write::DeleteFirst);
        self.answered(cx, "delete_first", delete).await
    }
}
