"""Progress as tasks of scikit-learn's callbacks, such as its progress bar."""

from __future__ import annotations

from typing import Any

from vmfmix.fitting.progress import Stage

_MAX_TASKS = 100  # of a stage that is counted in many small units


class CallbackTasks:
    """Turn each stage into a task, and its steps into subtasks.

    The subtasks of a stage with a total are so many that the share of those that have ended is the
    share of the stage that is done. Stages whose steps a callback can stop have a subtask for each
    step.

    Parameters
    ----------
    estimator : estimator
    context : callback context
        Of the whole fit.
    """

    def __init__(self, estimator: Any, context: Any) -> None:
        self._estimator = estimator
        # Of the stages that have begun, the innermost last, with the numbers of their subtasks: the
        # maximum, and how many have ended.
        self._contexts = [context]
        self._limits: list[int | None] = [None]
        self._n_tasks = [0]

    def begin(self, stage: Stage) -> None:
        """Begin a task, with a known number of subtasks if the stage has one."""
        limit = stage.max_steps
        if limit is None and stage.total:
            limit = min(stage.total, _MAX_TASKS)
        context = self._contexts[-1].subcontext(task_name=stage.name, max_subtasks=limit)
        context.call_on_fit_task_begin(estimator=self._estimator)
        self._contexts.append(context)
        self._limits.append(limit)
        self._n_tasks.append(0)

    def step(self, stage: Stage) -> bool:
        """End as many subtasks as the stage has advanced by; return whether to stop."""
        n_new, limit, stop = 1, self._limits[-1], False
        if stage.max_steps is None and limit is not None and stage.total:
            n_ended = min(stage.done, stage.total) * limit // stage.total
            n_new = max(n_ended - self._n_tasks[-1], 0)
        for _ in range(n_new):
            task = self._contexts[-1].subcontext(task_name=stage.step_name)
            task.call_on_fit_task_begin(estimator=self._estimator)
            stop |= bool(task.call_on_fit_task_end(estimator=self._estimator))
        self._n_tasks[-1] += n_new
        return stop

    def end(self, stage: Stage) -> bool:
        """End the task; return whether to stop."""
        self._n_tasks.pop()
        self._limits.pop()
        return bool(self._contexts.pop().call_on_fit_task_end(estimator=self._estimator))

    def rows(self, n_done: int, n_rows: int | None = None) -> None:
        """Do nothing: a pass over blocks is a step of a stage."""
