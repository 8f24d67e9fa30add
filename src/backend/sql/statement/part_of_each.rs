//! Some rows of each group: a table made of those of the entity's, under the same name.

use sea_orm::sea_query::{
    Alias, DynIden, Expr, ExprTrait, Func, IntoIden, OverStatement, Query, SelectStatement, WindowStatement,
};

use super::Statements;
use crate::query::{PartOfEach, Selection};

impl Statements<'_> {
    /// Lets a statement read the rows that a selection has before its position and its limit: those of the table, or of each
    /// group only some. Either goes by the table's name.
    pub(super) fn read_from(&self, select: &mut SelectStatement, selection: &Selection) {
        let Some((last, before)) = selection.parts_of_each.split_last() else {
            select.from(self.table.table_ref());
            return self.restrict_to(select, &selection.condition);
        };
        let mut rows = self.select_raw();
        rows.from(self.table.table_ref());
        self.restrict_to(&mut rows, &selection.condition);
        for part in before {
            let mut picked = self.select_raw();
            self.pick(&mut picked, rows, selection, part);
            rows = picked;
        }
        self.pick(select, rows, selection, last);
    }

    /// Lets a statement read, of each group of rows, those of a part.
    fn pick(&self, select: &mut SelectStatement, mut rows: SelectStatement, selection: &Selection, part: &PartOfEach<usize>) {
        let mut groups = WindowStatement::new();
        for column in self.columns(&part.columns) {
            groups.add_partition_by(self.grouped(column));
        }
        self.order(&mut groups, &selection.order, false);
        let nth = self.number_column();
        rows.expr_window_as(Func::cust("row_number"), groups, nth.clone());
        select.from_subquery(rows, self.table.iden.clone());
        let number = || Expr::col((self.table.iden.clone(), nth.clone()));
        let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        if part.skip > 0 {
            select.and_where(number().gt(bound(part.skip)));
        }
        if part.take.is_some() {
            select.and_where(number().lte(bound(part.end())));
        }
    }

    /// Every column, as it is stored.
    fn select_raw(&self) -> SelectStatement {
        let mut select = Query::select();
        select.exprs(self.table.columns.iter().map(|column| self.column(column)));
        select
    }

    /// A name for the numbers of rows in their groups that no column has.
    fn number_column(&self) -> DynIden {
        let mut name = "larder_nth".to_owned();
        while self.table.columns.iter().any(|column| column.name().eq_ignore_ascii_case(&name)) {
            name.push('_');
        }
        Alias::new(name).into_iden()
    }
}
