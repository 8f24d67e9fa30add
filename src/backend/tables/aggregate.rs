//! Computes values of groups of rows of [`Tables`].

use std::{mem, sync::Arc};

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
        mut grouping: Grouping,
    ) -> Result<Vec<Row>> {
        let mut reach = self.state.len(&table.key) + self.joined(&condition)?;
        for measure in &grouping.measures {
            reach += self.joined(&measure.condition)?;
        }
        let (state, table) = (self.state.clone(), table.clone());
        let aggregate = move || {
            let condition = state.looked_up(&table, condition)?;
            for measure in &mut grouping.measures {
                let condition = mem::replace(&mut measure.condition, ResolvedFilter::TRUE);
                measure.condition = state.looked_up(&table, condition)?;
            }
            let rows = state.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values());
            grouping.of(&table, rows.filter(|row| condition.is_met_by(row)))
        };
        run(cx, reach, aggregate).await
    }
}
