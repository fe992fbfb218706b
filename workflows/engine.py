"""One plugin for client, worker and replayer: the converter, and what the sandbox lets through."""

import dataclasses

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("domain", "pydantic", "pydantic_core", "tzdata")
"""Free of side effects, and loaded once: models must have one class identity on both sides of the sandbox."""


def _runner(_: WorkflowRunner | None) -> WorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


PLUGIN = SimplePlugin(
    "nightcharge",
    data_converter=lambda _: dataclasses.replace(pydantic_data_converter),
    workflow_runner=_runner,
)
