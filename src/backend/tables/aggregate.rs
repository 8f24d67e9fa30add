//! Computes values of groups of rows of [`Tables`].

use std::sync::Arc;

use super::{Tables, read::run};
use crate::{
    context::Cx,
    error::Result,
    query::{Grouping, ResolvedFilter},
    row::Row,
    table::Table,
};

impl Tables {
    pub(super) async fn aggregate(
        &self,
        cx: &Cx,
        table: &Arc<Table>,
        condition: ResolvedFilter,
        grouping: Grouping,
    ) -> Result<Vec<Row>> {
        let (reach, state, table) = (self.state.len(&table.key), self.state.clone(), table.clone());
        let aggregate = move || {
            let rows = state.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values());
            grouping.of(&table, rows.filter(|row| condition.is_met_by(row)))
        };
        run(cx, reach, aggregate).await
    }
}
