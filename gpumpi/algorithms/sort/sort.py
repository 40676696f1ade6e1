"""Sort a table across ranks: plan, sample, distribute, finish.

Knows: how the steps follow each other. Does not know: how each is done.
Source: sample sort, W. Frazer and A. McKellar (JACM 1970), with splitters made unique by row number.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpumpi.algorithms.sort.distribute import distribute
from gpumpi.algorithms.sort.finish import SortedContent
from gpumpi.algorithms.sort.head import first_rows
from gpumpi.algorithms.sort.plan import SortPlan, make_plan
from gpumpi.algorithms.sort.sample import splitters
from gpumpi.algorithms.sort.unique import first_of_each_key
from gpumpi.array.content import ArrayContent, Content
from gpumpi.array.layout import Layout
from gpumpi.array.table import Table, with_rows
from gpumpi.errors import UserError
from gpumpi.fabric import collective
from gpumpi.keys import Key
from gpumpi.memory.budget import Budget
from gpumpi.schema import Schema
from gpumpi.units import format_bytes, format_count


def plan_sort(
    table: Table,
    keys: Sequence[str | Key],
    *,
    descending: bool = False,
    unique: bool = False,
    head: int | None = None,
) -> SortPlan:
    """What `sort_table` with these arguments will do; nothing is read."""
    return make_plan(
        table.schema,
        keys,
        table.world.size,
        descending=descending,
        unique=unique,
        head=head,
    )


@collective
def sort_table(
    table: Table,
    keys: Sequence[str | Key],
    *,
    descending: bool = False,
    unique: bool = False,
    head: int | None = None,
) -> Table:
    """See `Table.sort`."""
    world = table.world
    with world.fabric.agreed():
        plan = plan_sort(table, keys, descending=descending, unique=unique, head=head)
        if head is None:
            _require_memory(plan, world.budget)
    _require_same(world.fabric.collect(plan))
    if isinstance(table.content, SortedContent):
        table.settle()
    content, layout = table.content, table.layout
    if head is not None and not unique and head < table.n_global // 2:
        with world.trace.span("select"):
            content, layout = _candidates(table, plan, head)
        plan = make_plan(with_rows(table.schema, layout.n_global), plan.key_plan.keys, world.size, head=head)
    in_order = _in_order(table, content, layout, plan)
    if unique:
        in_order = _settle_first_of_each(in_order, plan)
    return in_order if head is None else _clip(in_order, head)


def _require_memory(plan: SortPlan, budget: Budget) -> None:
    """Say before any row is read what can only end badly."""
    if plan.rank_bytes > budget.limit_bytes:
        total_bytes = plan.n_rows * plan.row_bytes
        raise UserError(
            f"sorting {format_bytes(total_bytes)} on {format_count(plan.n_ranks, 'rank')} needs "
            f"{format_bytes(plan.rank_bytes)} of {budget.tier} a rank, this one may hold "
            f"{format_bytes(budget.limit_bytes)}; raise --host-memory, or use "
            f"{-(-total_bytes // max(1, budget.limit_bytes))} ranks or more"
        )


def _require_same(plans: list[SortPlan]) -> None:
    for rank, plan in enumerate(plans):
        if plan != plans[0]:
            raise UserError(
                f"ranks ask for different sorts: rank 0 by {_show(plans[0])}, rank {rank} by {_show(plan)}; "
                "call sort with the same arguments on every rank"
            )


def _show(plan: SortPlan) -> str:
    asked = [*map(str, plan.key_plan.keys), *(["unique"] if plan.unique else [])]
    return ", ".join(asked if plan.head is None else [*asked, f"head {plan.head}"])


def _in_order(table: Table, content: Content, layout: Layout, plan: SortPlan) -> Table:
    world = table.world
    schema = with_rows(table.schema, layout.n_global)
    with world.trace.span("sample"):
        partitioner = splitters(world.fabric, world.device, content, layout, schema, plan)
    with world.trace.span("distribute"):
        pager, read = distribute(world, content, layout, schema, plan, partitioner)
    in_order = SortedContent(world, pager, schema, plan.key_plan, read)
    new_layout = Layout(tuple(world.fabric.collect(in_order.n_local)))
    return Table(world, schema, new_layout, in_order, table.origin)


def _candidates(table: Table, plan: SortPlan, head: int) -> tuple[ArrayContent, Layout]:
    world = table.world
    with world.fabric.agreed():
        content = first_rows(
            world.device, table.content, table.schema, plan.key_plan, head, plan.block_rows, world.trace
        )
    return content, Layout(tuple(world.fabric.collect(content.n_local)))


def _settle_first_of_each(in_order: Table, plan: SortPlan) -> Table:
    world, content = in_order.world, in_order.content
    assert isinstance(content, SortedContent)
    with world.trace.span("finish"):
        kept = first_of_each_key(world.fabric, world.device, content, in_order.schema, plan)
    content.verify(world.fabric)
    return _resized(in_order, kept, kept.n_local)


def _clip(in_order: Table, head: int) -> Table:
    """The first `head` rows over all ranks."""
    content = in_order.settle().content
    assert isinstance(content, ArrayContent)
    n_rows = min(content.n_local, max(0, head - in_order.layout.offsets[in_order.world.rank]))
    return _resized(in_order, ArrayContent([rows[:n_rows] for rows in content.columns]), n_rows)


def _resized(table: Table, content: ArrayContent, n_local: int) -> Table:
    layout = Layout(tuple(table.fabric.collect(n_local)))
    schema: Schema = with_rows(table.schema, layout.n_global)
    return Table(table.world, schema, layout, content, table.origin)
