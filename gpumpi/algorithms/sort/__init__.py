"""Sort: plan, sample, distribute, finish; one step a file."""

from gpumpi.algorithms.sort.plan import SortPlan, make_plan
from gpumpi.algorithms.sort.sort import plan_sort, sort_table

__all__ = ["SortPlan", "make_plan", "plan_sort", "sort_table"]
